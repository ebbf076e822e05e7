import Errors
import OrderedCollections

/// Loads single files into trees: parsed, interpolated, `extends` and `include` resolved.
struct DocumentLoader {
    var environment: [String: String]
    var interpolates: Bool
    /// Variables that were used without a default and are not set.
    private(set) var unset: OrderedSet<String> = []
    /// Files that `include` brought in.
    private(set) var included: [String] = []
    /// Files whose `include` is being worked on, to find circles.
    private var including: [String] = []

    init(environment: [String: String], interpolates: Bool) {
        self.environment = environment
        self.interpolates = interpolates
    }

    mutating func load(_ tree: Tree) throws(BerthError) -> Tree {
        var document = try interpolate(tree)
        document = try resolveExtends(in: document)
        return try resolveIncludes(of: document)
    }

    private mutating func interpolate(_ tree: Tree) throws(BerthError) -> Tree {
        guard interpolates else { return tree }
        let environment = environment
        var interpolation = Interpolation { environment[$0] }
        let result = try tree.interpolated(with: &interpolation)
        unset.append(contentsOf: interpolation.unset)
        return result
    }

    private func read(_ path: String, directory: String) throws(BerthError) -> Tree {
        try Tree.parse(yaml: TextFile.read(path), source: Source(file: path, directory: directory))
    }
}

// MARK: - extends

extension DocumentLoader {
    private mutating func resolveExtends(in document: Tree) throws(BerthError) -> Tree {
        guard let services = document["services"]?.mapping else { return document }
        var result = document
        var resolved = document["services"] ?? .map([:])
        for name in services.keys {
            resolved[name] = try service(name, in: document, chain: [])
        }
        result["services"] = resolved
        return result
    }

    /// A service with what it extends merged under it.
    private mutating func service(_ name: String, in document: Tree, chain: [String]) throws(BerthError) -> Tree {
        guard let own = document["services"]?[name] else {
            throw document.error("service \"\(name)\" not found in \(document.location.source.file)")
        }
        guard let extends = own["extends"], !extends.isNull else { return own }
        let link = "\(name) in \(document.location.source.file)"
        guard !chain.contains(link) else {
            throw extends.error("circular reference in extends: \((chain + [link]).joined(separator: " -> "))")
        }

        let path = "services.\(name).extends"
        var base = document
        let target: String
        if let text = extends.text {
            target = text
        } else {
            var fields = try Fields(extends, path)
            guard let service = try fields.string("service") else {
                throw extends.invalid("\(path) service is required")
            }
            target = service
            if let file = try fields.read("file", { t, p throws(BerthError) in try t.asPath(p) }),
                file != document.location.source.file
            {
                base = try interpolate(try read(file, directory: FilePath.directory(of: file)))
            }
            try fields.finish()
        }
        guard base["services"]?[target] != nil else {
            throw extends.error(
                "cannot extend service \"\(name)\" in \(document.location.source.file): "
                    + "service \"\(target)\" not found in \(base.location.source.file)")
        }
        var parent = try service(target, in: base, chain: chain + [link])
        parent["extends"] = nil
        var child = own
        child["extends"] = nil
        return parent.merged(with: child, at: ["services", name]).resolvingDirectives()
    }
}

// MARK: - include

extension DocumentLoader {
    private mutating func resolveIncludes(of document: Tree) throws(BerthError) -> Tree {
        guard let include = document["include"], !include.isNull else { return document }
        let items = try include.items("include") { tree, path throws(BerthError) in try Include.decode(tree, path) }
        var result = document
        result["include"] = nil
        for item in items {
            let imported = try load(item)
            result = try result.importing(imported, at: item.location)
        }
        return result
    }

    private mutating func load(_ include: Include) throws(BerthError) -> Tree {
        var inner = DocumentLoader(environment: environment, interpolates: interpolates)
        inner.environment = try EnvironmentLoader.extend(
            environment, explicit: include.envFiles, directory: include.directory)
        inner.including = including + [include.paths[0]]
        var merged: Tree?
        for path in include.paths {
            guard !including.contains(path) else {
                let circle = (including + [path]).joined(separator: " -> ")
                throw Tree(.null, at: include.location).error("include cycle detected: \(circle)")
            }
            let document = try inner.load(try read(path, directory: include.directory))
            merged = merged?.merged(with: document) ?? document
        }
        unset.append(contentsOf: inner.unset)
        included += include.paths + inner.included
        return (merged ?? .map([:])).resolvingDirectives()
    }
}

/// One entry of the top-level `include`.
private struct Include {
    /// Absolute; merged in this order. Never empty.
    var paths: [String]
    var envFiles: [String]
    var directory: String
    var location: Location

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> Include {
        if tree.text != nil {
            let file = try tree.asPath(path)
            return Include(
                paths: [file], envFiles: [], directory: FilePath.directory(of: file), location: tree.location)
        }
        var fields = try Fields(tree, path)
        let base = tree.location.source.directory
        let paths = (try fields.stringOrList("path") ?? []).map { FilePath.absolute($0, from: base) }
        guard let first = paths.first else { throw tree.invalid("\(path) path is required") }
        let envFiles = (try fields.stringOrList("env_file") ?? []).map { FilePath.absolute($0, from: base) }
        let directory = try fields.string("project_directory").map { FilePath.absolute($0, from: base) }
        try fields.finish()
        return Include(
            paths: paths, envFiles: envFiles, directory: directory ?? FilePath.directory(of: first),
            location: tree.location)
    }
}

extension Tree {
    /// The document with another's resources added; the same name for different things is an error.
    fileprivate func importing(_ other: Tree, at location: Location) throws(BerthError) -> Tree {
        var result = self
        for section in ["services", "networks", "volumes", "configs", "secrets"] {
            guard let added = other[section]?.mapping else { continue }
            var entries = result[section]?.mapping ?? [:]
            for (name, value) in added {
                if let own = entries[name], own != value {
                    throw Tree(.null, at: location).error("\(section).\(name) conflicts with imported resource")
                }
                entries[name] = value
            }
            result[section] = Tree(.mapping(entries), at: result[section]?.location ?? location)
        }
        return result
    }
}
