/* The pitch of one voice, by the normalised square difference (McLeod and Wyvill 2005). */

const LOWEST_HZ = 60;
const HIGHEST_HZ = 2000;
const QUIET = 0.003; // RMS
const CLEAR = 0.8; // of a period's likeness to the next, 1 at most
const FIRST = 0.9; // of the greatest likeness: the first lag that has as much is the period

/** The pitch as a MIDI note with decimals, or null where none is clear. */
export function pitchOf(samples, rate) {
  const most = Math.min(Math.ceil(rate / LOWEST_HZ), samples.length >> 1);
  const size = samples.length - most;
  const power = samples.reduce((sum, value) => sum + value * value, 0);
  if (!(power > samples.length * QUIET ** 2)) return null;
  const likeness = Float32Array.from({ length: most }, (_, lag) => {
    let [both, apart] = [0, 0];
    for (let at = 0; at < size; at++) {
      const [a, b] = [samples[at], samples[at + lag]];
      both += a * b;
      apart += a * a + b * b;
    }
    return (2 * both) / (apart + 1e-12);
  });
  let lag = likeness.findIndex((value) => value < 0); // past the likeness of a sound to itself
  if (lag < 0) return null;
  const greatest = likeness.subarray(lag).reduce((found, value) => Math.max(found, value), 0);
  if (greatest < CLEAR) return null;
  const isPeak = (at) => likeness[at] >= likeness[at - 1] && likeness[at] >= likeness[at + 1];
  lag = Math.max(lag, Math.floor(rate / HIGHEST_HZ));
  while (lag < most - 1 && !(isPeak(lag) && likeness[lag] > FIRST * greatest)) lag++;
  if (lag >= most - 1) return null;
  const [before, now, after] = [likeness[lag - 1], likeness[lag], likeness[lag + 1]];
  const period = lag + (0.5 * (before - after)) / (before - 2 * now + after || -1);
  return 69 + 12 * Math.log2(rate / period / 440);
}
