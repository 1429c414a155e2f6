/** Copies of blocks of bytes: gathering, reversing, repeating. */

function copyBlock(to: usize, from: usize, bytes: usize): void {
  if (bytes > 64 || bytes & 3) {
    memory.copy(to, from, bytes);
    return;
  }
  for (let i: usize = 0; i < bytes; i += 4) store<u32>(to + i, load<u32>(from + i));
}

/** For each of `outer` groups of `groupBytes`, copies the blocks whose numbers are in `indices`. */
export function gather(from: usize, outer: i32, groupBytes: usize, indices: usize, count: i32, blockBytes: usize, to: usize): void {
  for (let g: i32 = 0; g < outer; g++) {
    for (let i: i32 = 0; i < count; i++) {
      copyBlock(to, from + <usize>load<i32>(indices + ((<usize>i) << 2)) * blockBytes, blockBytes);
      to += blockBytes;
    }
    from += groupBytes;
  }
}

/** Reverses the order of the `count` blocks in each of `outer` groups. */
export function reverse(from: usize, outer: i32, count: i32, blockBytes: usize, to: usize): void {
  const groupBytes = <usize>count * blockBytes;
  for (let g: i32 = 0; g < outer; g++) {
    for (let i: i32 = count - 1; i >= 0; i--) {
      copyBlock(to, from + <usize>i * blockBytes, blockBytes);
      to += blockBytes;
    }
    from += groupBytes;
  }
}

/** Writes each of `outer` blocks `times` times. */
export function repeat(from: usize, outer: i32, blockBytes: usize, times: i32, to: usize): void {
  for (let g: i32 = 0; g < outer; g++) {
    for (let i: i32 = 0; i < times; i++) {
      copyBlock(to, from, blockBytes);
      to += blockBytes;
    }
    from += blockBytes;
  }
}
