/* A place between named points, as weights of at most three of them.

Inside the points, the weights are those of the triangle around the place: `sum(weight * point)` is the place
itself, and a named point is that point alone. Outside, the nearest place on the edge counts. */

/** Triangles whose circle round the corners holds no other point (Delaunay), as triples of numbers. */
export function triangulate(points) {
  const found = [];
  const count = points.length;
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++)
      for (let c = b + 1; c < count; c++) {
        const circle = around(points[a], points[b], points[c]);
        if (!circle) continue;
        const empty = points.every(
          (point, at) => at === a || at === b || at === c || distance(point, circle.centre) >= circle.radius - 1e-9,
        );
        if (empty) found.push([a, b, c]);
      }
  return found;
}

/** Weights at a place: [[number of the point, weight], ...]. */
export function weightsAt(points, triangles, place) {
  if (points.length === 1) return [[0, 1]];
  for (const corners of triangles) {
    const parts = inside(corners.map((at) => points[at]), place);
    if (parts && parts.every((part) => part >= -1e-9)) return tidy(corners, parts);
  }
  let best = null;
  for (const [a, b] of edges(points, triangles)) {
    const along = project(points[a], points[b], place);
    const nearest = points[a].map((from, axis) => from + along * (points[b][axis] - from));
    const far = distance(nearest, place);
    if (!best || far < best.far) best = { far, corners: [a, b], parts: [1 - along, along] };
  }
  return tidy(best.corners, best.parts);
}

/** The place of weights: the mean of the points, or null where nothing weighs. */
export function placeOf(points, weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 1e-6)) return null;
  return [0, 1].map((axis) => weights.reduce((sum, weight, at) => sum + weight * points[at][axis], 0) / total);
}

/** The distance of two places. */
export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function tidy(corners, parts) {
  const held = parts.map((part) => (part < 1e-3 ? 0 : part));
  const total = held.reduce((sum, part) => sum + part, 0);
  return corners.map((at, index) => [at, held[index] / total]).filter(([, weight]) => weight > 0);
}

/** All sides of the triangles; without any, the points lie on a line, and each is joined with each. */
function edges(points, triangles) {
  if (triangles.length) return triangles.flatMap(([a, b, c]) => [[a, b], [b, c], [a, c]]);
  return points.flatMap((_, a) => points.slice(a + 1).map((_, b) => [a, a + 1 + b]));
}

function project(a, b, place) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  if (length === 0) return 0;
  return Math.min(Math.max(((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / length, 0), 1);
}

function inside([a, b, c], [x, y]) {
  const area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1]);
  if (Math.abs(area) < 1e-12) return null;
  const first = ((b[1] - c[1]) * (x - c[0]) + (c[0] - b[0]) * (y - c[1])) / area;
  const second = ((c[1] - a[1]) * (x - c[0]) + (a[0] - c[0]) * (y - c[1])) / area;
  return [first, second, 1 - first - second];
}

function around(a, b, c) {
  const d = 2 * (a[0] * (b[1] - c[1]) + b[0] * (c[1] - a[1]) + c[0] * (a[1] - b[1]));
  if (Math.abs(d) < 1e-9) return null;
  const [aa, bb, cc] = [a, b, c].map(([x, y]) => x * x + y * y);
  const centre = [
    (aa * (b[1] - c[1]) + bb * (c[1] - a[1]) + cc * (a[1] - b[1])) / d,
    (aa * (c[0] - b[0]) + bb * (a[0] - c[0]) + cc * (b[0] - a[0])) / d,
  ];
  return { centre, radius: distance(centre, a) };
}
