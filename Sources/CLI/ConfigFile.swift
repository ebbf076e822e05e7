import Errors
import Glibc
import Linux

/// The client's settings, in Docker's file and format (`~/.docker/config.json`), so that both tools
/// know the same registries.
struct ConfigFile: Sendable {
    private(set) var fields: [TemplateValue.Field]
    let path: String

    /// Settings without anything in them.
    init(emptyIn folder: String) {
        path = folder + "/config.json"
        fields = []
    }

    /// An absent file is an empty one.
    /// - Throws: `invalidArgument` when the file is there but cannot be read.
    init(folder: String) throws {
        path = folder + "/config.json"
        let text: [UInt8]
        do throws(SystemError) {
            text = try Files.read(path)
        } catch {
            guard error.errno == ENOENT || error.errno == ENOTDIR else {
                throw BerthError.invalidArgument("the client's settings in \(path) cannot be read: \(error.reason)")
            }
            fields = []
            return
        }
        guard text.contains(where: { $0 > 0x20 }) else {
            fields = []
            return
        }
        guard case .object(let fields)? = try? JSONReader.read(text) else {
            throw BerthError.invalidArgument("the client's settings in \(path) cannot be read: not a JSON object")
        }
        self.fields = fields
    }

    subscript(name: String) -> TemplateValue? {
        get { fields.first { $0.name == name }?.value }
        set {
            let index = fields.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): fields[index].value = value
            case (let index?, nil): fields.remove(at: index)
            case (nil, let value?): fields.append(.init(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Writes the file whole or not at all; only its owner may read it.
    func save() throws {
        do throws(SystemError) {
            try Files.makeDirectories(Files.parent(of: path), mode: 0o700)
            // Renaming over a link would cut a file that is kept elsewhere off from its place.
            try Files.writeAtomically(
                Self.target(of: path), Array((TemplateValue.object(fields).prettyJSON(indent: "\t") + "\n").utf8),
                mode: 0o600)
        } catch {
            throw BerthError("saving the client's settings", error)
        }
    }

    /// What a path leads to through symbolic links, the last of which may lead nowhere yet.
    private static func target(of path: String) throws(SystemError) -> String {
        var path = path
        for _ in 0..<16 {
            let folder = Files.parent(of: path)
            let directory = try FileDescriptor.openDirectory(folder)
            guard (try? directory.status(of: Files.lastComponent(of: path)))?.kind == .symbolicLink else { return path }
            let link = try directory.readLink(RawPath(Files.lastComponent(of: path))).description
            path = WorkingFolder(path: folder, home: folder).absolute(link)
        }
        throw SystemError("open", errno: ELOOP, subject: path)
    }
}

extension Session {
    /// A format for listings that the user has set for good.
    func listFormat(_ key: String) -> String? {
        guard let file = try? ConfigFile(folder: configFolder), case .string(let format)? = file[key] else {
            return nil
        }
        return format
    }
}
