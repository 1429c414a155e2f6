/** The endpoint in a process of its own: says its URL, and stays until it is ended. */
import { Endpoint } from './server.ts';

process.send?.((await Endpoint.start()).url);
