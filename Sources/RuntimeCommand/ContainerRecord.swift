import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// What is kept of a container between two commands (`state.json`). Whether it runs is not kept but
/// looked up: nobody is there to write it down when it ends.
struct ContainerRecord: Decodable {
    var id: String
    var ociVersion: String
    var bundle: String
    var rootfs: String
    /// RFC 3339.
    var created: String
    var owner: UInt32
    /// The first process; 0 until there is one. With the time of its start it is the same for sure.
    var pid: Int32 = 0
    var startTime: UInt64 = 0
    /// Creating came to its end.
    var isCreated = false
    /// Absent where an ordinary user may make none.
    var cgroup: String?
    var annotations: [String: String]

    var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("id", .string(id)), ("ociVersion", .string(ociVersion)), ("bundle", .string(bundle)),
            ("rootfs", .string(rootfs)), ("created", .string(created)), ("owner", .number(owner)),
            ("pid", .number(pid)), ("startTime", .number(startTime)), ("isCreated", .bool(isCreated)),
        ]
        if let cgroup { members.append(("cgroup", .string(cgroup))) }
        members.append(("annotations", .map(annotations)))
        return .object(members)
    }

    var identity: ContainerIdentity {
        ContainerIdentity(id: id, bundle: bundle, ociVersion: ociVersion, annotations: annotations)
    }

    /// Whether the first process lives: a zombie does not.
    var isAlive: Bool {
        guard let status = ProcessStatus(of: pid) else { return false }
        return status.startTime == startTime && !status.hasEnded
    }

    func cgroupOnHost() throws(SystemError) -> Cgroup? {
        guard let cgroup else { return nil }
        return Cgroup(cgroup, in: try CgroupHierarchies.detect())
    }

    /// A descriptor of the first process; nil when it has ended.
    func openProcess() throws(SystemError) -> FileDescriptor? {
        guard pid > 0 else { return nil }
        do throws(SystemError) {
            let pidfd = try Linux.Process.openPidfd(pid)
            // Looked at after it was opened: the number cannot pass on to another process any more.
            return isAlive ? pidfd : nil
        } catch {
            if error.errno == ESRCH { return nil }
            throw error
        }
    }
}

enum ContainerStatus: String {
    case creating, created, running, paused, stopped
}
