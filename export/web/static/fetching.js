/* Files that must be what they were when the page was written: their hashes stand in `plugin.json`. */

/** The bytes of a file. */
export async function fetchChecked(url, integrity) {
  const response = await fetch(url, { integrity, mode: "cors", credentials: "omit" });
  if (!response.ok) throw new Error(`${url} is not there (${response.status})`);
  return response.arrayBuffer();
}

/** A module of JavaScript. */
export async function importChecked(url, integrity) {
  const bytes = await fetchChecked(url, integrity);
  const address = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}
