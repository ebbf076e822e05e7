import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

// Berth's runtime behind the command line of OCI runtimes. It runs a bundle in the foreground; the
// commands that keep a container between calls (create, start, state, kill, delete) are not here yet.

let usage = """
    usage: berth-runtime run [--bundle DIR] ID     run a bundle in the foreground
           berth-runtime --version

    """

/// What the command line asks for.
enum Request {
    case run(id: String, bundle: String)
    case version

    init(_ arguments: [String]) throws(BerthError) {
        switch arguments.first {
        case "--version"?, "-v"?: self = .version
        case "run"?:
            var bundle = "."
            var rest = arguments.dropFirst()
            while let option = rest.first, option.hasPrefix("-") {
                rest.removeFirst()
                if option.hasPrefix("--bundle=") {
                    bundle = String(option.dropFirst("--bundle=".count))
                } else if option == "--bundle" || option == "-b", let value = rest.popFirst() {
                    bundle = value
                } else {
                    throw .invalidArgument("unknown option \(option)\n" + usage)
                }
            }
            guard let id = rest.first, rest.count == 1 else {
                throw .invalidArgument("run takes one container ID\n" + usage)
            }
            self = .run(id: id, bundle: bundle)
        default: throw .invalidArgument(usage)
        }
    }
}

/// Runs a bundle's container to its end and returns its exit code.
func run(id: String, bundle: String) throws -> Int32 {
    guard !id.isEmpty, id.allSatisfy({ $0.isLetter || $0.isNumber || "_+-.".contains($0) }), id != ".", id != ".."
    else {
        throw BerthError.invalidArgument("invalid container ID \"\(id)\"")
    }
    let bundle = try absolutePath(bundle)
    let spec = try JSON.decode(RuntimeSpec.self, from: try Files.read(bundle + "/config.json"))
    guard let process = spec.process else { throw BerthError.invalidArgument("config.json has no process") }
    guard process.terminal != true else {
        throw BerthError.invalidArgument("a terminal needs a console socket, which run does not take yet")
    }
    let root = spec.root?.path ?? "rootfs"
    let cgroup = Cgroup(spec.linux?.cgroupsPath ?? "/berth-runtime/\(id)", in: try CgroupHierarchies.detect())
    var plan = ProcessPlan(process: process)
    plan.seccomp = try spec.linux?.seccomp.map { try SeccompFilter($0) }
    let container = try NewContainer.clone(
        ContainerPlan(
            spec: spec, root: .directory(root.hasPrefix("/") ? root : bundle + "/" + root), bundle: bundle,
            cgroup: cgroup, process: plan,
            standardIO: .descriptors(
                input: standard(0), output: standard(1), error: standard(2))))
    defer { try? cgroup.remove() }
    _ = try container.awaitReady()
    try container.start()
    return try Linux.Process.wait(container.pid).code
}

/// A duplicate of one of our own standard streams, which stay open for us.
func standard(_ number: Int32) -> FileDescriptor { FileDescriptor(owning: duplicateDescriptor(number)) }

func complain(_ message: String) {
    try? standard(2).writeAll("berth-runtime: \(message)\n")
}

do {
    switch try Request(Array(CommandLine.arguments.dropFirst())) {
    case .version: print("berth-runtime version 0.1.0\nspec: 1.2.0")
    case .run(let id, let bundle): exit(try run(id: id, bundle: bundle))
    }
} catch let failure as StartFailure {
    complain(failure.message)
    exit(failure.exitCode)
} catch {
    complain("\(error)")
    exit(1)
}
