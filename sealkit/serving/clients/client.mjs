// Read the seals of a file: node client.mjs FILE [SERVER] [FOLDER]
// Prints the texts, one per line; images of the result go to FOLDER where it is given. Node.js 18 or newer, nothing to install.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const [file, server = "http://127.0.0.1:8080", folder] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node client.mjs FILE [SERVER] [FOLDER]");
  process.exit(1);
}

const headers = { "Content-Type": "application/json" };
if (process.env.SEALKIT_TOKEN) headers.Authorization = `Bearer ${process.env.SEALKIT_TOKEN}`;
const response = await fetch(`${server}/seal-recognition`, {
  method: "POST",
  headers,
  body: JSON.stringify({
    file: (await readFile(file)).toString("base64"),
    fileType: file.toLowerCase().endsWith(".pdf") ? 0 : 1,
    visualize: folder !== undefined,
  }),
});
const answer = await response.json();
if (!response.ok) {
  console.error(`${response.status}: ${answer.errorMsg}`);
  process.exit(1);
}

for (const [page, entry] of answer.result.sealRecResults.entries()) {
  for (const seal of entry.prunedResult.seal_res_list) {
    for (const text of seal.rec_texts) console.log(text);
  }
  for (const [name, image] of Object.entries(entry.outputImages ?? {})) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${page}_${name}.jpg`), Buffer.from(image, "base64"));
  }
}
