import Errors
import Glibc
import Linux
import OCI

/// A program to run in a container, first process or exec.
public struct ProcessPlan: Sendable {
    public var process: RuntimeSpec.Process
    /// Docker's `user[:group]`, looked up in the container; wins over `process.user`.
    public var user: String?
    /// Supplementary groups by name or number, looked up in the container.
    public var additionalGroups: [String] = []
    /// Make the working directory where it is missing, as Docker does for the first process.
    public var createsWorkingDirectory = false
    public var personality: RuntimeSpec.Personality?
    public var seccomp: SeccompFilter?
    /// `SECCOMP_FILTER_FLAG_*`.
    public var seccompFlags: UInt32 = 0
    /// The filter asks a listener, which the parent hands to whoever is to answer.
    public var seccompHasListener = false
    /// A program that outlives its parent would run unwatched; off where the parent is a mere command.
    public var diesWithParent = true
    /// So many descriptors from 3 on are the program's.
    public var preservedDescriptors: Int32 = 0
    fileprivate let isOfOrdinaryUser = geteuid() != 0

    public init(process: RuntimeSpec.Process) { self.process = process }
}

/// The last steps before `execve`, in an order that matters; the same for a container's first
/// process and for an exec. All that can fail is done by `prepare`; what is left then is the filter,
/// which would otherwise judge our own calls, and `execve` itself.
struct ProcessLaunch {
    let plan: ProcessPlan
    private let program: String
    private let environment: [String]
    /// Given up by `execute`, once the filter is loaded.
    private let capabilities: ProcessCapabilities?
    private var process: RuntimeSpec.Process { plan.process }

    /// Makes this process what the program is to be. `limitsAreSet`: by the parent and before, since a
    /// process in a user namespace may not; `mayDropGroups`: a user namespace of an ordinary user keeps
    /// the groups it came with.
    static func prepare(
        _ plan: ProcessPlan, mayDropGroups: Bool = true, limitsAreSet: Bool = false
    ) throws(StartFailure) -> ProcessLaunch {
        let steps = LaunchSteps(plan: plan, mayDropGroups: mayDropGroups)
        let (user, environment) = try steps.resolveUser()
        if plan.createsWorkingDirectory { try steps.makeWorkingDirectory() }
        try setup("limits") { () throws(SystemError) in
            try steps.applyScheduling()
            if !limitsAreSet {
                try plan.process.applyLimits()
                try plan.process.applyOutOfMemoryScore()
            }
        }
        let capabilities = steps.capabilities(for: user)
        try setup("privileges") { () throws(SystemError) in
            try steps.applyLabels()
            let process = plan.process
            if process.noNewPrivileges == true { try Linux.Process.setNoNewPrivileges() }
            // The bounding set needs CAP_SETPCAP: before the change of user.
            try capabilities?.applyBounding()
            try ProcessCapabilities.keepOverUserChange()
            try steps.become(user)
            // Without no_new_privs the filter needs CAP_SYS_ADMIN, so that is given up after it.
            let isFiltered = plan.seccomp != nil && process.noNewPrivileges != true
            try capabilities?.apply(keeping: isFiltered ? .systemAdministration : [])
            if let mask = process.user.umask { umask(mode_t(mask)) }
        }
        try steps.enterWorkingDirectory()
        let program = try steps.findProgram(plan.process.args?.first ?? "", environment)
        return ProcessLaunch(plan: plan, program: program, environment: environment, capabilities: capabilities)
    }

    /// Turns this process into the program. Returns only by throwing. `listen` is told the number of the
    /// filter's listener and waits until somebody has it.
    func execute(listen: (Int32) throws(SystemError) -> Void) throws(StartFailure) -> Never {
        let arguments = process.args ?? []
        try Self.setup("seccomp") { () throws(SystemError) in
            Linux.Process.resetSignals()
            // After the change of user, which clears it.
            if plan.diesWithParent { try Linux.Process.setParentDeathSignal(SIGKILL) }
            try Linux.Process.closeOnExec(from: 3 + plan.preservedDescriptors)
            // As late as can be: nothing of ours need be allowed by the filter, but for what gives up the
            // right to load it.
            if let filter = plan.seccomp {
                if plan.seccompHasListener {
                    // The parent takes the listener out of this process, as a debugger would; an ordinary
                    // user has to be let.
                    if plan.isOfOrdinaryUser { try Linux.Process.setDumpable(true) }
                    let listener = try filter.loadWithListener(flags: plan.seccompFlags)
                    try listen(listener.rawValue)
                } else {
                    try filter.load(flags: plan.seccompFlags)
                }
                if process.noNewPrivileges != true { try capabilities?.apply() }
            }
        }
        do throws(SystemError) {
            try Linux.Process.execute(program, arguments, environment: environment)
        } catch {
            throw StartFailure(
                reason: error.errno == ENOENT ? .notFound : .notExecutable,
                message: "exec: \"\(arguments.first ?? "")\": \(Self.reason(error.errno, program))")
        }
    }

    private static func reason(_ code: Int32, _ program: String) -> String {
        switch code {
        case ENOENT: "stat \(program): no such file or directory (or its interpreter is missing)"
        case ENOEXEC: "exec format error (the program is for another architecture, or a script without #!)"
        default: errnoText(code).lowercased()
        }
    }

    private static func setup(_ what: String, _ body: () throws(SystemError) -> Void) throws(StartFailure) {
        do throws(SystemError) {
            try body()
        } catch {
            throw StartFailure(reason: .setup, message: "setting \(what): \(error)")
        }
    }
}
