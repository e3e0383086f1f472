// The calculator as a Worker.
import { handler } from "./calculator.js";

export default { fetch: (request) => handler.fetch(request) };
