/** A decoded image. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes of red, green and blue. */
  readonly pixels: Uint8Array;
}
