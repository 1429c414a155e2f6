/** In the place of what nothing asks for: zod's messages in other languages. */
export {};
