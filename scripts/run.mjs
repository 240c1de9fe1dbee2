// The one door to every npm script: it installs what is missing, picks the right Node, runs the
// command. This file holds only what every old Node can parse, so that it can say it is too old.
const [major] = process.versions.node.split('.').map(Number);

if (major < 20) {
  console.error(`Node ${process.versions.node} is too old here: install Node 20 or newer.`);
  process.exitCode = 1;
} else {
  void import('./commands.mjs').then(({ runCommand }) => runCommand(process.argv.slice(2)));
}
