/* A queue of samples between two threads that never wait for each other: one writes, one reads.

In memory that both share where the page may have it (`SharedArrayBuffer`), else in each thread's own. */

export class Ring {
  /** Memory for a ring; `capacity` is a power of 2. */
  static memory(channels, capacity, shared) {
    const bytes = 8 + 4 * channels * capacity;
    return { buffer: shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes), channels, capacity };
  }

  constructor({ buffer, channels, capacity }) {
    this.capacity = capacity;
    this.counters = new Int32Array(buffer, 0, 2); // written, read: each is moved by its own side
    this.rows = Array.from({ length: channels }, (_, row) => new Float32Array(buffer, 8 + 4 * row * capacity, capacity));
  }

  /** Samples that can be read. */
  get available() {
    return (Atomics.load(this.counters, 0) - Atomics.load(this.counters, 1)) | 0;
  }

  /** Put samples in, one array for each channel: all of them, or none where they do not fit. */
  write(lanes) {
    const size = lanes[0].length;
    if (size > this.capacity - this.available) return false;
    const at = Atomics.load(this.counters, 0) & (this.capacity - 1);
    const first = Math.min(size, this.capacity - at);
    this.rows.forEach((row, index) => {
      row.set(lanes[index].subarray(0, first), at);
      row.set(lanes[index].subarray(first), 0);
    });
    Atomics.add(this.counters, 0, size);
    return true;
  }

  /** Put silence in. */
  pad(size) {
    const silence = new Float32Array(size);
    this.write(this.rows.map(() => silence));
  }

  /** Take samples out: as many as `lanes` hold, or none where they are not there. */
  read(lanes) {
    const size = lanes[0].length;
    if (size > this.available) return false;
    const at = Atomics.load(this.counters, 1) & (this.capacity - 1);
    const first = Math.min(size, this.capacity - at);
    this.rows.forEach((row, index) => {
      lanes[index].set(row.subarray(at, at + first));
      lanes[index].set(row.subarray(0, size - first), first);
    });
    Atomics.add(this.counters, 1, size);
    return true;
  }

  /** Throw samples away, as many as there are of those, and say how many. */
  skip(size) {
    const there = Math.min(size, this.available);
    Atomics.add(this.counters, 1, there);
    return there;
  }
}
