/* Sound as a WAV file of floating-point samples. */

export function wav(lanes, rate) {
  const channels = Math.max(lanes.length, 1);
  const frames = lanes[0]?.length ?? 0;
  const bytes = 4 * channels * frames;
  const view = new DataView(new ArrayBuffer(44 + bytes));
  const word = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true); // floating point
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 4 * channels * rate, true);
  view.setUint16(32, 4 * channels, true);
  view.setUint16(34, 32, true);
  word(36, "data");
  view.setUint32(40, bytes, true);
  for (let at = 0; at < frames; at++)
    lanes.forEach((lane, row) => view.setFloat32(44 + 4 * (at * channels + row), lane[at], true));
  return new Blob([view], { type: "audio/wav" });
}
