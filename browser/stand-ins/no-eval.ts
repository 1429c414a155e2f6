/** Imported first: zod compiles no functions from text, which the pages' content security policy forbids. */
import { config } from 'zod';

config({ jitless: true });
