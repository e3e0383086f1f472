// The calculator on Node's own HTTP server.
import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { handler } from "./calculator.js";

createServer(toNodeHandler(handler)).listen(Number(process.env.PORT), "127.0.0.1");
