import Errors
import Foundation
import GRDB
import ImageStore
import Linux
import Logging
import OCI
import Synchronization
import Testing

@testable import Builder

/// Solves for real, with an executor that plays a few commands itself. Needs to be allowed to mount.
@Suite(.enabled(if: (try? Mount.Configuration("overlay")) != nil, "mounts overlays: run as root"))
struct SolverTests {
    @Test func cachesSteps() async throws {
        let bench = try Bench()
        try bench.write("app/a.txt", "one")
        let file = "FROM scratch\nWORKDIR /app\nENV N=x\nCOPY app .\nRUN write /out $N\nCMD [\"c\"]\n"

        let first = try await bench.build(file)
        #expect(first.cached.isEmpty)
        #expect(first.image.config.rootfs.diffIDs.count == 3)
        #expect(first.image.config.history?.map { $0.emptyLayer ?? false } == [false, true, false, false, true])
        #expect(first.image.config.config?.workingDir == "/app")
        #expect(try bench.read(first.image, "out") == "x")
        #expect(try bench.read(first.image, "app/a.txt") == "one")

        // The same again, with files of another age, is the very same image.
        try bench.write("app/a.txt", "one")
        let second = try await bench.build(file)
        #expect(second.image.id == first.image.id)
        #expect(second.cached.count == 5)
        #expect(bench.executor.steps.count == 1)

        // Another content is another COPY and all that follows.
        try bench.write("app/a.txt", "two")
        let third = try await bench.build(file)
        #expect(third.cached.count == 2)
        #expect(bench.executor.steps.count == 2)

        // A label in front changes no file: the layers stay.
        let fourth = try await bench.build(file.replacing("ENV", with: "LABEL l=m\nENV"))
        #expect(fourth.image.config.rootfs == third.image.config.rootfs)
        #expect(bench.executor.steps.count == 2)

        #expect(try await bench.build(file) { $0.noCache = true }.cached.isEmpty)
    }

    @Test func remembersAcrossRestarts() async throws {
        let bench = try Bench()
        let file = "FROM scratch\nRUN write /a 1\n"
        let first = try await bench.build(file)
        try bench.restart()
        #expect(try await bench.build(file).image.id == first.image.id)
        #expect(bench.executor.steps.count == 1)
        // A record whose layer is gone is no use.
        try await bench.database.write { try $0.execute(sql: "DELETE FROM image_layers") }
        #expect(try await bench.build(file).cached.isEmpty)
        #expect(bench.executor.steps.count == 2)
    }

    @Test func buildsOnlyNeededStagesAndCopiesBetweenThem() async throws {
        let bench = try Bench()
        let file = """
            FROM scratch AS a
            ARG V=1
            RUN write /v $V
            FROM scratch AS unused
            RUN exit 1
            FROM scratch
            COPY --from=a --chown=7:8 --chmod=600 /v /x/y/
            COPY --link --from=0 /v /z
            """
        let built = try await bench.build(file) { $0.arguments = ["V": "9"] }
        #expect(try bench.read(built.image, "x/y/v") == "9")
        #expect(try bench.read(built.image, "z") == "9")
        let status = try bench.open(built.image).directory("x/y").status(of: "v" as String)
        #expect(status.userID == 7 && status.groupID == 8 && status.permissions == 0o600)
        #expect(try await bench.build(file) { $0.target = "a" }.image.config.rootfs.diffIDs.count == 1)
    }

    @Test func runsTriggersOfTheBase() async throws {
        let bench = try Bench()
        _ = try await bench.build("FROM scratch\nONBUILD RUN write /t 1\nENTRYPOINT [\"e\"]\nCMD [\"c\"]") {
            $0.tags = [try! Reference("parent")]
        }
        let built = try await bench.build("FROM parent\nENTRYPOINT [\"f\"]")
        #expect(try bench.read(built.image, "t") == "1")
        #expect(built.image.config.config?.onBuild == nil)
        #expect(built.image.config.config?.cmd == nil)
        let same = try await bench.build("FROM parent AS p") { $0.target = "p" }
        #expect(same.image.config.history?.count == 4)
    }

    @Test func staysInsideTheRoot() async throws {
        let bench = try Bench()
        try bench.write("f", "f")
        let built = try await bench.build(
            """
            FROM scratch
            RUN link ../../../../berth-escape /up
            RUN link /data/deep /dangling
            COPY f /up/
            COPY f /dangling/
            COPY f ../../g
            """)
        #expect(try bench.read(built.image, "berth-escape/f") == "f")
        #expect(try bench.read(built.image, "data/deep/f") == "f")
        #expect(try bench.read(built.image, "g") == "f")
        #expect(!Files.exists("/berth-escape"))
    }

    @Test(arguments: [
        ("FROM scratch\nRUN exit 3", "The command '/bin/sh -c exit 3' returned a non-zero code: 3 (Dockerfile line 2)"),
        (
            "FROM scratch\nCOPY nope /",
            "COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist (Dockerfile line 2)"
        ),
        (
            "FROM scratch\n\nCOPY n* /",
            "COPY failed: no source files were specified: n* matches nothing (Dockerfile line 3)"
        ),
        ("FROM nope", "no such image: nope:latest (Dockerfile line 1)"),
        (
            "FROM scratch\nCOPY a b /x",
            "COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist (Dockerfile line 2)"
        ),
        (
            "FROM scratch\nRUN --mount=type=secret,id=s,required true",
            "secret s: not found; give it to the build with --secret id=s,src=FILE (Dockerfile line 2)"
        ),
    ])
    func explains(_ file: String, _ expected: String) async throws {
        let bench = try Bench()
        let error = await #expect(throws: BerthError.self) { try await bench.build(file) }
        #expect(error?.message == expected)
        #expect(try bench.leftovers() == [])
    }

    @Test func explainsAMissingDockerfile() async throws {
        let bench = try Bench()
        let error = await #expect(throws: BerthError.self) { try await bench.build(nil) }
        #expect(error?.message == "Cannot locate specified Dockerfile: Dockerfile")
    }

    @Test func cancelsRunningSteps() async throws {
        let bench = try Bench()
        let build = Task { try await bench.build("FROM scratch AS a\nRUN wait\nFROM scratch\nCOPY --from=a / /") }
        while bench.executor.steps.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        build.cancel()
        await #expect(throws: CancellationError.self) { try await build.value }
        #expect(try bench.leftovers() == [])
    }

    @Test func aFailureStopsOtherStages() async throws {
        let bench = try Bench()
        let error = await #expect(throws: BerthError.self) {
            try await bench.build(
                "FROM scratch AS a\nRUN wait\nFROM scratch AS b\nRUN exit 7\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /"
            )
        }
        #expect((error?.cause as? StepFailure)?.exitCode == 7)
        #expect((error?.cause as? StepFailure)?.line == 4)
        #expect(try bench.leftovers() == [])
    }

    @Test func mountsForSteps() async throws {
        let bench = try Bench()
        try bench.write("src/f", "f")
        let file = """
            FROM scratch AS base
            RUN write /b 1
            FROM base
            RUN --mount=source=src,target=/s --mount=from=base,target=/w,rw --mount=type=cache,target=/c,uid=5 \
                --mount=type=secret,id=e,env=E --mount=type=tmpfs,target=/t,size=1m true
            """
        _ = try await bench.build(file) { $0.secrets = ["e": Array("value".utf8)] }
        let step = try #require(bench.executor.steps.last)
        #expect(step.mounts.map(\.target) == ["/s", "/w", "/c", "/t"])
        #expect(step.mounts.map(\.isReadOnly) == [true, false, false, false])
        #expect(step.environment.contains("E=value"))
        let runs = bench.executor.steps.count
        _ = try await bench.build(file)
        #expect(bench.executor.steps.count == runs)
        try bench.write("src/f", "g")
        _ = try await bench.build(file)
        #expect(bench.executor.steps.count == runs + 1)
    }

    @Test func prunesTheCache() async throws {
        let bench = try Bench()
        let built = try await bench.build("FROM scratch\nRUN --mount=type=cache,target=/c write /a 1") {
            $0.tags = [try! Reference("t")]
        }
        #expect(try await bench.builder.cacheUsage().map(\.isShared).sorted { !$0 && $1 } == [false, true])
        // What an image has is kept unless everything is to go.
        #expect(try await bench.builder.pruneCache(CachePruneRequest()).removed.count == 1)
        var everything = CachePruneRequest()
        everything.all = true
        #expect(try await bench.builder.pruneCache(everything).removed.count == 1)
        #expect(try await bench.builder.cacheUsage().isEmpty)
        #expect(try bench.read(built.image, "a") == "1")
    }
}
