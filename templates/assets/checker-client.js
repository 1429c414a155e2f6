/** The page's side of the checker: starts it when it is asked for, in a worker made of a script of this site, and loads what it wants of the site. */
(() => {
  const waiting = new Map();
  window.rampartPiece = (path, text) => waiting.get(path)?.(text);

  /** Runs a script of the site; resolves when it has run, or cannot be read. A script is what a browser reads from a folder on disk, too. */
  function run(src) {
    return new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = src;
      script.onload = () => resolve(true);
      script.onerror = () => resolve(false);
      document.head.append(script);
      script.addEventListener('load', () => script.remove());
    });
  }

  /** The base64 of a piece of the site; undefined where it cannot be read. */
  async function piece(root, path) {
    let text;
    waiting.set(path, (given) => {
      text = given;
    });
    await run(root + path);
    waiting.delete(path);
    return text;
  }

  /** The GPU that the browser hands out, or why there is none; what it needs is loaded where there is one. */
  async function gpuFor(root) {
    if (!navigator.gpu) return { lacking: 'this browser has no WebGPU here' };
    const late = new Promise((resolve) => setTimeout(resolve, 30_000));
    const adapter = await Promise.race([navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }), late]).catch(
      () => undefined,
    );
    if (!adapter) return { lacking: 'no GPU answers to WebGPU' };
    if (!window.rampartWebgpu && !(await run(`${root}assets/webgpu.js`))) return { lacking: 'assets/webgpu.js cannot be read' };
    const { vendor, architecture, description } = adapter.info ?? {};
    return { gpu: [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed' };
  }

  /** A worker of the checker; `tell` gets what it tells, `engine` is `auto`, `webgpu` or `wasm`. The pages' policy lets it reach no network. */
  async function start(root, tell, engine = 'auto') {
    if (!window.rampartWorker && !(await run(`${root}assets/checker.js`))) throw new Error('assets/checker.js cannot be read');
    const wanted = { engine, ...(engine !== 'wasm' && (await gpuFor(root))) };
    const parts = [window.rampartWorker, ...(wanted.gpu ? [window.rampartWebgpu] : [])];
    const url = URL.createObjectURL(
      new Blob(
        parts.map((part) => `(${part})();`),
        { type: 'text/javascript' },
      ),
    );
    const worker = new Worker(url);
    worker.postMessage({ type: 'engine', wanted });
    URL.revokeObjectURL(url);
    worker.onmessage = async ({ data }) => {
      if (data.type === 'need') worker.postMessage({ type: 'piece', path: data.path, text: await piece(root, data.path) });
      else tell(data);
    };
    worker.onerror = (event) => tell({ type: 'refused', reason: event.message || 'the worker could not be started' });
    return worker;
  }

  /** An element with attributes and children. */
  function el(name, content = [], attributes = {}) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...[content].flat());
    return node;
  }

  /** A radius as it is written in papers: `8/255` where it is a whole number of grey levels. */
  function radius(eps) {
    const levels = Math.round(eps * 255);
    return eps > 0 && eps < 0.5 && Math.abs(eps * 255 - levels) < 3e-4 ? `${levels}/255` : String(Number(eps.toPrecision(6)));
  }

  window.rampart = { start, el, radius };
})();
