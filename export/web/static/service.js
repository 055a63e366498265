/* Keeps the page's files, so that it works without a network, and isolates it, so that its threads share memory. */

const SITE = $SITE;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forget()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && !event.request.headers.has("range")) event.respondWith(answer(event.request));
});

async function keep() {
  const cache = await caches.open(SITE.version);
  await cache.addAll(SITE.files.map((file) => new Request(file, { cache: "reload", mode: "cors", credentials: "omit" })));
  await self.skipWaiting();
}

/** Drop what other versions of this page kept. */
async function forget() {
  const others = (await caches.keys()).filter((name) => name.startsWith(SITE.prefix) && name !== SITE.version);
  await Promise.all(others.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(SITE.version);
  const response = (await cache.match(request, { ignoreSearch: true, ignoreVary: true })) ?? (await fetch(request));
  if (response.type === "opaque" || response.type === "opaqueredirect" || response.type === "error") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
