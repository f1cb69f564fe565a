// swift-tools-version: 6.2
import PackageDescription

// The wire modules read bytes from strangers: every use of an unsafe construct there is an error.
let strictlySafe: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
]

let package = Package(
  name: "tollgate",
  products: [
    .executable(name: "tollgate", targets: ["tollgate"]),
    .library(name: "FastCGIApp", targets: ["FastCGIApp"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // The order is the order of the house: a module imports only what stands above it.
    .target(name: "CKernel"),
    .target(name: "SpawnProtocol"),
    .target(name: "CTOML"),
    // Sources/Spawner stands here in the order. It is not built by the package manager, which would link Swift's
    // runtime into a program of C and make 5 MiB resident of 1: tools/build.sh compiles it.
    .target(name: "HTTPWire", swiftSettings: strictlySafe),
    .target(name: "FastCGIWire", swiftSettings: strictlySafe),
    .target(name: "CGI", dependencies: ["HTTPWire"]),
    .target(name: "Kernel", dependencies: ["CKernel", .product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "Log", dependencies: ["Kernel", .product(name: "Logging", package: "swift-log")]),
    .target(
      name: "EventLoop",
      dependencies: [
        "Kernel", .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(name: "Processes", dependencies: ["Kernel", "SpawnProtocol"]),
    .target(name: "StaticFiles", dependencies: ["Kernel", "HTTPWire"]),
    .target(name: "WorkerPool", dependencies: [.product(name: "DequeModule", package: "swift-collections")]),
    .target(name: "Costs", dependencies: ["Kernel"]),
    .target(name: "Presentation", dependencies: ["Kernel"]),
    .target(name: "Configuration", dependencies: ["CTOML"]),
    .target(
      name: "Gateway",
      dependencies: [
        "HTTPWire", "FastCGIWire", "CGI", "Kernel", "Log", "EventLoop", "Processes", "StaticFiles", "WorkerPool",
        "Costs",
        "Presentation",
        .product(name: "DequeModule", package: "swift-collections"),
      ]),
    .target(
      name: "Admin",
      dependencies: ["Gateway", "Costs", "Presentation", "HTTPWire", "EventLoop", "Kernel", "Log"]),
    .target(name: "HTTPClient", dependencies: ["Kernel", "HTTPWire"]),
    .systemLibrary(name: "CFCGI", pkgConfig: "fcgi", providers: [.apt(["libfcgi-dev"])]),
    .target(name: "FastCGIApp", dependencies: ["CFCGI"]),
    .executableTarget(
      name: "tollgate",
      dependencies: [
        "Gateway", "Admin", "HTTPClient", "Kernel", "Log", "EventLoop", "Processes", "StaticFiles", "Costs",
        "Presentation", "Configuration", "CGI", "HTTPWire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(name: "TidyTests"),
    .testTarget(name: "HTTPWireTests", dependencies: ["HTTPWire"]),
    .testTarget(name: "FastCGIWireTests", dependencies: ["FastCGIWire"]),
    .testTarget(name: "CGITests", dependencies: ["CGI", "HTTPWire"]),
    .testTarget(name: "KernelTests", dependencies: ["Kernel"]),
    .testTarget(name: "LogTests", dependencies: ["Log", "Kernel"]),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "Kernel"]),
    .testTarget(name: "ProcessesTests", dependencies: ["Processes", "Kernel"]),
    .testTarget(name: "StaticFilesTests", dependencies: ["StaticFiles", "Kernel"]),
    .testTarget(name: "WorkerPoolTests", dependencies: ["WorkerPool"]),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Gateway", "HTTPClient", "HTTPWire", "FastCGIWire", "WorkerPool", "CGI", "Kernel", "Log", "EventLoop",
        "StaticFiles", "Costs",
      ]),
    .testTarget(
      name: "PresentationTests",
      dependencies: ["Presentation", "Costs", "Admin", "HTTPClient", "HTTPWire", "Kernel", "tollgate"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "CGI"]),
    .testTarget(name: "FastCGIAppTests", dependencies: ["FastCGIWire"]),
    .testTarget(
      name: "TollgateTests", dependencies: ["tollgate", "Configuration", "Gateway", "Kernel", "StaticFiles", "CGI"]),
    .testTarget(name: "EndToEndTests", dependencies: ["Kernel", "HTTPClient", "HTTPWire"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
