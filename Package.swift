// swift-tools-version: 6.2
import PackageDescription

// Targets are listed by layer, lowest first; a target imports only what stands above it in this
// list. docs/architecture.md says what each one owns.

/// Settings of every Swift target of ours: warnings are errors, existentials are spelled out.
let swift: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// The shim and the OCI runtime are fully static, so that they start in a millisecond and run
/// whatever the host's libc is.
/// In debug builds too: as a container's init the shim runs where there are no libraries.
let fullyStatic: [LinkerSetting] = [.unsafeFlags(["-static-executable"])]

/// A program at a fixed address needs no relocations: a fourth of the time that the command takes to start. The
/// daemon, which strangers may reach, keeps its random address.
let fixedAddress: [LinkerSetting] = [
    .unsafeFlags(["-Xclang-linker", "-no-pie"], .when(configuration: .release))
]

/// `make dist` puts libraries that a small system lacks into lib/berth, beside bin. Where that folder does not exist the
/// host's own are used. An rpath and not a runpath, which would not be searched for what those libraries need in turn.
let bundledLibraries: [LinkerSetting] = [
    .unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/berth", "-Xlinker", "--disable-new-dtags"])
]

/// Debug sections are dead weight in what users install.
let stripped: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release))]

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func program(
    _ name: String, _ dependencies: [Target.Dependency], linker: [LinkerSetting] = stripped
) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: swift, linkerSettings: linker)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: swift)
}

extension Target.Dependency {
    static let arguments = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTP = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let collections = product(name: "Collections", package: "swift-collections")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nio = product(name: "NIOCore", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioWebSocket = product(name: "NIOWebSocket", package: "swift-nio")
    static let yams = product(name: "Yams", package: "Yams")
}

let package = Package(
    name: "berth",
    products: [
        .executable(name: "berth", targets: ["berth"]),
        .executable(name: "berthd", targets: ["berthd"]),
        .executable(name: "berth-shim", targets: ["berth-shim"]),
        .executable(name: "berth-runtime", targets: ["berth-runtime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C: what Swift cannot import, and libraries of the distribution.
        .target(name: "CLinux"),
        system("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
        system("CISAL", pkgConfig: "libisal", apt: "libisal-dev"),
        system("CNftables", pkgConfig: "libnftables", apt: "libnftables-dev"),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CYajl", providers: [.apt(["libyajl-dev"])]),

        // Leaves: values, no I/O.
        library("Errors"),
        library("OCI", ["Errors"]),
        library("EngineAPI", ["Errors"]),
        library("ShimProtocol", ["Errors", "OCI"]),
        library("DNS", ["Errors"]),

        // The kernel.
        library("Linux", ["CLinux", "CSeccomp", "Errors"]),
        library("Archive", ["CArchive", "CISAL", "Linux", "Errors"]),

        // Mechanisms.
        library("ContainerRuntime", ["Linux", "OCI", "CYajl", "Errors"]),
        library("ImageStore", ["Archive", "Linux", "OCI", "Errors", .crypto, .grdb, .logging]),
        library(
            "Distribution",
            ["DNS", "Linux", "OCI", "Errors", .asyncHTTP, .crypto, .logging, .nio, .nioHTTP1, .nioSSL]),
        library("Networking", ["CNftables", "DNS", "Linux", "Errors"]),

        // Policy.
        library(
            "Builder",
            ["ImageStore", "Archive", "Linux", "OCI", "Errors", .crypto, .grdb, .logging, .asyncHTTP, .collections]),
        library(
            "Engine",
            [
                "Builder", "ContainerRuntime", "Distribution", "Networking", "ImageStore", "ShimProtocol", "Archive",
                "Linux", "OCI",
                "EngineAPI", "Errors",
                .grdb, .logging, .nio, .nioPosix, .collections,
            ]),

        // Edges.
        library(
            "Server",
            [
                "Linux", "EngineAPI", "Errors", .crypto, .logging, .nio, .nioPosix, .nioHTTP1, .nioSSL, .nioWebSocket,
            ]),
        library("Client", ["EngineAPI", "Linux", "Errors", .nio, .nioPosix, .nioHTTP1]),
        library("Compose", ["Client", "Archive", "Linux", "EngineAPI", "Errors", .yams, .collections, .crypto]),
        library("RuntimeCommand", ["ContainerRuntime", "Linux", "OCI", "Errors"]),
        library("CLI", ["Compose", "Client", "Archive", "Linux", "EngineAPI", "Errors"]),

        // Programs.
        program("berth", ["CLI"], linker: fixedAddress + bundledLibraries + stripped),
        program(
            "berthd", ["Server", "Engine", "Distribution", "Linux", "Errors", .arguments, .logging, .lifecycle],
            linker: bundledLibraries + stripped),
        program(
            "berth-shim", ["ContainerRuntime", "ShimProtocol", "DNS", "Linux", "OCI", "Errors"],
            linker: fullyStatic + stripped),
        program("berth-runtime", ["RuntimeCommand"], linker: fullyStatic + stripped),

        // Unit tests, beside each target.
        tests("OCI"),
        tests("EngineAPI", ["Errors"]),
        tests("ShimProtocol"),
        tests("DNS"),
        tests("Linux"),
        tests("ContainerRuntime", ["Linux", "OCI", "Errors"]),
        tests("RuntimeCommand", ["OCI", "Errors"]),
        tests("Archive"),
        tests("ImageStore", ["OCI"]),
        tests("Distribution", ["OCI", .nio, .nioHTTP1, .nioPosix]),
        tests("Networking"),
        tests("Builder", ["OCI"]),
        tests("Engine", ["EngineAPI"]),
        tests("Server", ["EngineAPI", "Errors", "Linux", .logging, .nioHTTP1, .nioPosix]),
        tests("Compose"),
        tests("CLI"),
    ],
    swiftLanguageModes: [.v6]
)
