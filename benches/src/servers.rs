//! Who is measured: ours first, then the floor, then the peers that this machine can have.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Result,
    builds::{Workspace, size},
    on_lambda::{self, Function},
    on_workers::{self, Tools},
    over_http::Server,
    report::{FLOOR, OURS, Report},
    request::Question,
};

/// The table of all servers over HTTP.
pub const HTTP: &str = "HTTP, as on Google Cloud Run";

const ALL: &[Question] = &[Question::Call, Question::List];
/// What is answered by hand is one question.
const CALL: &[Question] = &[Question::Call];

/// The servers over HTTP.
///
/// # Errors
/// Where ours or the floor cannot be built.
pub fn http(report: &mut Report, quick: bool) -> Result<Vec<Server>> {
    let server = |name, program, questions| Server { name, program, arguments: Vec::new(), path: "/mcp", questions };
    let mut servers = vec![
        server(OURS, Workspace::Own.release("calculator-cloudrun")?, ALL),
        server(FLOOR, Workspace::Floors.release("floor-http")?, CALL),
    ];
    for (name, package, heavy) in [("rmcp", "rmcp-http", false), ("pmcp 2.23", "pmcp-http", true)] {
        if let Some(program) = peer(report, name, package, quick && heavy) {
            // pmcp's router is its root.
            let path = if package == "pmcp-http" { "/" } else { "/mcp" };
            servers.push(Server { path, ..server(name, program, ALL) });
        }
    }
    let peers = Workspace::Peers.folder();
    report.try_to("the TypeScript SDK on Node", |_| {
        let script = typescript("node.js")?;
        let arguments = vec![script.display().to_string()];
        servers.push(Server {
            name: "TypeScript SDK",
            program: tool("PMCP_NODE")?,
            arguments,
            path: "/mcp",
            questions: ALL,
        });
        Ok(())
    });
    report.try_to("FastMCP", |_| {
        let arguments = vec![peers.join("python/calculator.py").display().to_string()];
        let program = tool("PMCP_BENCH_PYTHON")?;
        servers.push(Server { name: "FastMCP", program, arguments, path: "/mcp", questions: ALL });
        Ok(())
    });
    Ok(servers)
}

/// The functions on Lambda.
///
/// # Errors
/// Where ours or the floor cannot be built.
pub fn lambda(report: &mut Report, quick: bool) -> Result<Vec<Function>> {
    let mut functions = vec![
        Function { name: OURS, program: Workspace::Own.release("calculator-lambda")? },
        Function { name: FLOOR, program: Workspace::Floors.release("floor-lambda")? },
    ];
    for (name, package, heavy) in [("rmcp", "rmcp-lambda", false), ("turul", "turul-lambda", true)] {
        if let Some(program) = peer(report, name, package, quick && heavy) {
            functions.push(Function { name, program });
        }
    }
    Ok(functions)
}

/// The Workers, each in a workerd of its own.
///
/// # Errors
/// Where the tools are missing, or ours or the floor cannot be built.
pub fn workers(report: &mut Report) -> Result<Vec<Server>> {
    let tools = Tools::find()?;
    let ours = tools.build(Workspace::Own, "examples/calculator/workers")?;
    let floor = tools.build(Workspace::Floors, "workers")?;
    let mut workers = vec![tools.server(OURS, &ours, ALL)?, tools.server(FLOOR, &floor, CALL)?];
    on_workers::weigh(report, OURS, &ours);
    on_workers::weigh(report, FLOOR, &floor);
    report.try_to("bare JavaScript in workerd", |report| {
        let folder = scratch("bare-js")?;
        fs::copy(Workspace::Floors.folder().join("javascript/worker.js"), folder.join("index.js"))?;
        workers.push(tools.server("bare JS", &folder, CALL)?);
        on_workers::weigh(report, "bare JS", &folder);
        Ok(())
    });
    report.try_to("the TypeScript SDK in workerd", |report| {
        let folder = scratch("typescript-worker")?;
        tools.bundle(&typescript("worker.js")?, &folder.join("index.js"))?;
        workers.push(tools.server("TypeScript SDK", &folder, ALL)?);
        on_workers::weigh(report, "TypeScript SDK", &folder);
        Ok(())
    });
    Ok(workers)
}

/// The sizes of what is deployed over HTTP, and how many crates it is made from.
pub fn weigh_http(report: &mut Report, servers: &[Server], quick: bool) {
    for server in servers.iter().filter(|server| server.arguments.is_empty()) {
        report.try_to(server.name, |report| {
            report.figure(HTTP, server.name, "binary, MB", size(&server.program)? / 1e6);
            Ok(())
        });
    }
    if quick {
        report.note("Left out of a quick run: the image from nothing.");
    } else {
        report.try_to("the image from nothing", |report| {
            // Its only layer is the binary.
            let image = size(&Workspace::Own.release_static("calculator-cloudrun")?)? / 1e6;
            report.figure(HTTP, OURS, "image from nothing, MB", image);
            report.measure("http/image", image);
            Ok(())
        });
    }
    let memory = |name: &str| {
        let of = |figure: &&crate::report::Figure| figure.table == HTTP && figure.what == "memory after 1,000, MB";
        report.figures.iter().filter(of).find(|figure| figure.server == name).map(|figure| figure.value)
    };
    if let (Some(ours), Some(floor)) = (memory(OURS), memory(FLOOR)) {
        report.measure("http/memory over floor", ours - floor);
    }
}

/// The sizes of what is deployed to Lambda.
pub fn weigh_lambda(report: &mut Report, functions: &[Function]) {
    for function in functions {
        report.try_to(function.name, |report| {
            let bytes = size(&function.program)? / 1e6;
            report.figure(on_lambda::TABLE, function.name, "binary, MB", bytes);
            if function.name == OURS {
                report.measure("lambda/binary", bytes);
            }
            Ok(())
        });
    }
}

/// The binary of a peer, where it can be built and is not left out.
fn peer(report: &mut Report, name: &str, package: &str, left_out: bool) -> Option<PathBuf> {
    if left_out {
        report.note(format!("Left out of a quick run, as it takes minutes to build: {name}."));
        return None;
    }
    report.try_to(name, |_| Workspace::Peers.release(package))
}

/// What `cargo xtask bench` brought, and says in a variable where.
fn tool(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| format!("{variable} is not set; cargo xtask bench sets it").into())
}

/// A script of the TypeScript peers, beside the packages that it imports.
fn typescript(script: &str) -> Result<PathBuf> {
    let (from, into) = (Workspace::Peers.folder().join("typescript"), tool("PMCP_BENCH_TYPESCRIPT")?);
    for file in ["calculator.js", script] {
        fs::copy(from.join(file), into.join(file))?;
    }
    Ok(into.join(script))
}

/// An empty folder that stays until the next run.
fn scratch(name: &str) -> Result<PathBuf> {
    let folder = Path::new(&std::env::temp_dir()).join(format!("pmcp-bench-{name}"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
