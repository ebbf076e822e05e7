import Errors
import Glibc
import Linux
import OCI

/// A place to make a layer in: layers below, and an upper directory that takes what is written.
public struct Workspace: Sendable {
    /// Directories of the layers below, lowest first.
    public let layers: [String]
    /// What was written, in overlayfs' form.
    public let upper: String
    /// Overlayfs' own.
    public let work: String
    let path: String
    let emptyLayer: String

    /// The layers with the upper directory on top, as a mount that is attached nowhere. It unmounts
    /// when the last descriptor for something in it is closed. Device nodes of an image are nodes in it,
    /// not devices.
    public func mount() throws -> FileDescriptor {
        try naming("mounting a workspace") {
            // Overlayfs wants at least one layer below.
            try Mount.overlay(
                OverlayLayers(
                    lower: layers.isEmpty ? [emptyLayer] : layers,
                    writable: OverlayLayers.Writable(upper: upper, work: work)),
                attributes: .noDevices)
        }
    }

    /// The same, not writable. Several may exist at a time, beside one writable mount too.
    public func mountReadOnly() throws -> FileDescriptor {
        try naming("mounting a workspace") {
            try Mount.overlay(
                OverlayLayers(lower: layers.isEmpty ? [emptyLayer, upper] : layers + [upper]),
                attributes: [.readOnly, .noDevices])
        }
    }

    /// Removes the workspace and all that was written in it.
    public func discard() { try? Files.removeTree(path) }
}

extension ImageStore {
    /// A new workspace on top of layers.
    /// - Parameter layers: directories, lowest first; none for an empty root.
    public func makeWorkspace(layers below: [String]) throws -> Workspace {
        try naming("making a workspace") {
            let path = "\(layers.workPath)/\(randomName())"
            let workspace = Workspace(
                layers: below, upper: path + "/upper", work: path + "/work", path: path,
                emptyLayer: layers.emptyPath)
            try Files.makeDirectory(path, mode: 0o700)
            try Files.makeDirectory(workspace.work, mode: 0o700)
            try Files.makeDirectory(workspace.upper, mode: 0o755)
            // The root of an overlay is that of its topmost directory.
            let root = try FileDescriptor.openDirectory(workspace.upper)
            let model = try below.last.map { path throws(SystemError) in try Files.status(path) }
            try root.changeMode(model?.permissions ?? 0o755)
            if let model { try root.changeOwner(user: model.userID, group: model.groupID) }
            return workspace
        }
    }
}
