import Builder
import Errors
import OCI

/// Dockerfile instructions over an image's configuration: `--change` of import and commit.
enum ConfigChanges {
    static func apply(_ changes: [String], to config: ImageConfig.Execution) throws -> ImageConfig.Execution {
        guard !changes.isEmpty else { return config }
        return try ConfigurationChange.apply(changes, to: config)
    }
}
