// Runs a program under MicroPython with the heap that an RP2040 has: node run.mjs FIRMWARE_DIRECTORY PROGRAM
import fs from "node:fs";
import path from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const [firmware, program] = process.argv.slice(2);
const python = await loadMicroPython({ heapsize: 180 * 1024, stdout: (line) => console.log(line) });
python.FS.mkdir("/firmware");
for (const name of fs.readdirSync(firmware).filter((each) => each.endsWith(".py"))) {
  python.FS.writeFile(`/firmware/${name}`, fs.readFileSync(path.join(firmware, name)));
}
python.runPython(fs.readFileSync(program, "utf-8"));
