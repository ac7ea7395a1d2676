// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Kernels are compiled for the instruction set of the machine that builds, or for the processor
/// that RESNET_DIST_CPU names as clang does (x86-64-v3 is AVX2, x86-64-v4 is AVX-512; on arm64
/// neoverse-n1, or generic): SIMD width and FMA decide their speed. A manifest sees the machine that
/// builds, so a build on x86-64 for arm64 names an architecture, such as armv8.2-a.
let processor = ProcessInfo.processInfo.environment["RESNET_DIST_CPU"] ?? "native"
#if arch(arm64)
  let processorFlag = "-mcpu=\(processor)"
#else
  let processorFlag = "-march=\(processor)"
#endif
/// -Ounchecked: with -O the kernels take 9 % more instructions, most of them in the innermost loops (604
/// against 554 million in callgrind: `bench --model resnet20 --steps 1 --warm-up 1 -b 16`, AVX2), and
/// loops cannot move to a module of their own, because micro-kernels are specialized where they are called.
/// It makes a failing `precondition` undefined behavior, so entry points check with `require`, which stays.
let kernelSettings: [SwiftSetting] = [
  .unsafeFlags(["-Ounchecked", "-Xcc", processorFlag], .when(configuration: .release))
]

/// Modules that loop over no pixels, parameters or activations are not optimized: that takes no time from a
/// step, and a quarter from a newcomer's build (processor seconds of a cold one: Settings 18 → 4, Runs
/// 18 → 5).
let coldSettings: [SwiftSetting] = [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// The program contains Swift's libraries, so that a cluster's nodes need no Swift toolchain. Modules are compiled
/// for shared ones, which tests use: these are what the static libraries of Foundation need beside them.
///
/// The linker gives each build an identifier, by which ranks notice that they run different ones.
let programLinkage: [LinkerSetting] = [
  .unsafeFlags(
    ["-static-stdlib", "-Xlinker", "--build-id"]
      + [
        "CoreFoundation", "_FoundationICU", "_FoundationCShims", "_FoundationCollections",
        "_CFURLSessionInterface", ":libcurl.so.4",
      ].flatMap { ["-Xlinker", "-l\($0)"] }, .when(platforms: [.linux]))
]

let package = Package(
  name: "resnet-dist",
  products: [
    .executable(name: "resnet-dist", targets: ["resnet-dist"]),
    .library(name: "MPI", targets: ["MPI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    // System libraries: a module map and a small shim header each.
    .systemLibrary(
      name: "CMPI", pkgConfig: "ompi", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // The library, lowest layer first; imports point downwards only.
    .target(name: "MPI", dependencies: ["CMPI"]),
    .target(
      name: "System",
      dependencies: ["CCrypto", .product(name: "SystemPackage", package: "swift-system")]),
    .plugin(name: "RecordCommit", capability: .buildTool(), path: "Sources/RecordCommit"),
    .target(name: "BuildInformation", plugins: ["RecordCommit"]),
    .target(name: "Tensors"),
    .target(name: "Randomness"),
    .target(
      name: "Safetensors",
      dependencies: [
        "Tensors", "System", .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "PyTorchFiles", dependencies: ["Tensors", "System", "CZlib"]),
    .target(name: "Protobuf"),
    .target(name: "ONNX", dependencies: ["Protobuf"]),
    .target(name: "TensorBoard", dependencies: ["Protobuf", "System"]),
    .target(name: "CProcessor"),
    .target(
      name: "Threads",
      dependencies: [
        "CProcessor", "System", .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "Kernels", dependencies: ["Tensors", "COpenBLAS", "CProcessor"],
      swiftSettings: kernelSettings),
    .target(
      name: "Networks",
      dependencies: ["Kernels", "Tensors", "Threads", "Randomness", "ONNX", "System"]),
    .target(
      name: "Datasets",
      dependencies: [
        "Kernels", "Tensors", "Randomness", "System", "CTurboJPEG", "CPNG", "CZlib", "CArchive",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "Optimizers", dependencies: ["Networks", "Console", "Kernels", "Tensors"]),
    .target(
      name: "Distributed",
      dependencies: ["System", "MPI", "Networks", "Optimizers", "Kernels", "Tensors"]),
    .target(
      name: "DetectionData", dependencies: ["System", "CExpat"], swiftSettings: coldSettings),
    .target(name: "DetectionMetrics", dependencies: ["DetectionData"]),
    .target(
      name: "Detection", dependencies: ["Networks", "Kernels", "Tensors", "Randomness"]),
    .target(
      name: "Settings",
      dependencies: [
        "Detection", "Distributed", "Networks", "Optimizers", "Datasets", "Kernels", "Tensors",
        "Yams",
      ], swiftSettings: coldSettings),
    .target(
      name: "Console", dependencies: ["System", "Tensors"], swiftSettings: coldSettings),
    .target(
      name: "Evaluation",
      dependencies: ["Distributed", "MPI", "Networks", "Datasets", "Kernels", "Tensors"]),
    .target(
      name: "Reports", dependencies: ["Settings", "Console", "System", "Tensors"],
      swiftSettings: coldSettings),
    .target(
      name: "Runs",
      dependencies: [
        "Reports", "Settings", "Console", "Evaluation", "Detection", "DetectionData",
        "DetectionMetrics", "Distributed", "MPI", "Networks", "Optimizers", "Randomness",
        "Datasets",
        "Safetensors", "PyTorchFiles", "ONNX", "TensorBoard", "Kernels", "Tensors", "System",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: coldSettings),
    .target(
      name: "Benchmarks",
      dependencies: [
        "Runs", "Settings", "Console", "Distributed", "MPI", "Networks", "Datasets", "Kernels",
        "Tensors", "Randomness", "System",
      ], swiftSettings: coldSettings),
    .target(
      name: "Jobs", dependencies: ["Settings", "Distributed", "System"],
      swiftSettings: coldSettings),
    .executableTarget(
      name: "resnet-dist",
      dependencies: [
        "Benchmarks", "Jobs", "Runs", "Reports", "Evaluation", "Settings", "Detection",
        "DetectionData", "Console", "Distributed",
        "Datasets", "Networks", "Kernels", "MPI", "System", "BuildInformation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: coldSettings, linkerSettings: programLinkage),

    // Tests: one folder per target; MultiRank runs under mpirun.
    .target(name: "TestSupport", path: "Tests/Support"),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .testTarget(name: "SystemTests", dependencies: ["System", "TestSupport"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(name: "RandomnessTests", dependencies: ["Randomness"]),
    .testTarget(
      name: "SafetensorsTests", dependencies: ["Safetensors", "System", "TestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "PyTorchFilesTests", dependencies: ["PyTorchFiles", "TestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "DocumentationTests"),
    .testTarget(name: "ONNXTests", dependencies: ["ONNX", "TestSupport"]),
    .testTarget(
      name: "TensorBoardTests", dependencies: ["TensorBoard", "System", "TestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
    .target(
      name: "EmulatedTiles", dependencies: ["CProcessor"], path: "Tests/EmulatedTiles"),
    .testTarget(
      name: "KernelsTests",
      dependencies: ["Kernels", "Tensors", "Safetensors", "TestSupport", "EmulatedTiles"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "DetectionDataTests", dependencies: ["DetectionData", "TestSupport"]),
    .testTarget(
      name: "DetectionMetricsTests",
      dependencies: ["DetectionMetrics", "DetectionData", "TestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "DetectionTests",
      dependencies: [
        "Detection", "Networks", "Optimizers", "Kernels", "Tensors", "Safetensors", "Randomness",
        "TestSupport",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "NetworksTests",
      dependencies: [
        "Networks", "Optimizers", "Kernels", "Tensors", "Safetensors", "System", "TestSupport",
        "AllocationCounter",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "OptimizersTests",
      dependencies: ["Optimizers", "Networks", "Tensors", "Safetensors", "TestSupport"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "DatasetsTests",
      dependencies: [
        "Datasets", "Kernels", "Tensors", "Randomness", "Safetensors", "System", "TestSupport",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "ConsoleTests", dependencies: ["Console", "TestSupport"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "Tensors"]),
    .testTarget(
      name: "SettingsTests",
      dependencies: [
        "Settings", "Distributed", "Datasets", "Networks", "Optimizers", "Tensors", "TestSupport",
      ]),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "Settings", "Networks", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "RunsTests",
      dependencies: ["Runs", "Settings", "TensorBoard", "System", "TestSupport"]),
    .testTarget(
      name: "BenchmarksTests", dependencies: ["Benchmarks", "Settings", "Distributed", "Networks"]),
    .testTarget(
      name: "CommandLineTests", dependencies: ["Distributed", "Safetensors", "TestSupport"],
      exclude: ["Fixtures"]),
    .executableTarget(
      name: "multi-rank-tests",
      dependencies: [
        "MPI", "Benchmarks", "Runs", "Settings", "Evaluation", "Detection", "Distributed",
        "Networks", "Optimizers", "Datasets", "Kernels",
        "Tensors", "AllocationCounter",
      ],
      path: "Tests/MultiRank"),
    .executableTarget(
      name: "fuzz-parsers",
      dependencies: [
        "Datasets", "DetectionData", "PyTorchFiles", "Safetensors", "Settings", "Runs", "Reports",
        "Randomness", "System", "CZlib",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Fuzz", exclude: ["run", "Findings"]),
  ]
)
