/* From one sample rate to another, in blocks of any size: what went in at second t comes out at second t.

The filter's delay is taken out; it is a wait instead. The filter is a sinc in a Kaiser window, 100 dB down. */

const ZEROS = 32; // of the sinc, on each side
const BETA = 10;
const BAND = 0.92; // of the lower rate's band passes

export class Resampler {
  constructor(inRate, outRate, channels) {
    const shared = gcd(inRate, outRate);
    this.up = outRate / shared;
    this.down = inRate / shared;
    this.same = inRate === outRate;
    this.half = this.same ? 0 : Math.ceil(ZEROS * Math.max(1, inRate / outRate));
    this.table = this.same ? [] : phases(this.up, this.half, BAND * Math.min(1, outRate / inRate));
    this.lanes = Array.from({ length: channels }, () => new Float32Array(this.half));
    this.first = -this.half; // the input sample at which the lanes begin
    this.given = 0;
  }

  /** How many samples would come out, had so many gone in from the start. */
  ready(taken) {
    if (this.same) return taken;
    return Math.max(Math.floor(((taken - this.half) * this.up - 1) / this.down) + 1, 0);
  }

  /** Take some samples and give those that are ready; one array for each channel. */
  process(lanes) {
    if (this.same) return lanes;
    this.lanes = this.lanes.map((lane, row) => joined(lane, lanes[row]));
    const taken = this.first + this.lanes[0].length;
    const count = this.ready(taken) - this.given;
    const out = this.lanes.map((lane) => this.filter(lane, count));
    this.given += count;
    const keep = Math.floor((this.given * this.down) / this.up) - this.half + 1;
    if (keep > this.first) {
      this.lanes = this.lanes.map((lane) => lane.slice(keep - this.first));
      this.first = keep;
    }
    return out;
  }

  filter(lane, count) {
    const out = new Float32Array(count);
    for (let step = 0; step < count; step++) {
      const place = (this.given + step) * this.down;
      const weights = this.table[place % this.up];
      const begin = Math.floor(place / this.up) - this.half + 1 - this.first;
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * lane[begin + tap];
      out[step] = sum;
    }
    return out;
  }
}

/** The filter's weights for each place between two samples. */
function phases(up, half, band) {
  const scale = bessel(BETA);
  return Array.from({ length: up }, (_, phase) => {
    const weights = Float64Array.from({ length: 2 * half }, (_tap, tap) => {
      const away = tap - half + 1 - phase / up;
      const inside = 1 - (away / half) ** 2;
      const angle = Math.PI * band * away;
      return inside < 0 ? 0 : band * (angle === 0 ? 1 : Math.sin(angle) / angle) * (bessel(BETA * Math.sqrt(inside)) / scale);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}

/** The modified Bessel function of the first kind, order 0. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

function joined(a, b) {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}
