// swift-tools-version: 6.2
import PackageDescription

// A package like any other that uses the product FastCGIApp; only that it finds it by its path.
let package = Package(
  name: "workers",
  dependencies: [.package(name: "tollgate", path: "../../..")],
  targets: [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .executableTarget(name: "table", dependencies: [.product(name: "FastCGIApp", package: "tollgate")]),
    .executableTarget(
      name: "guestbook", dependencies: ["CSQLite", .product(name: "FastCGIApp", package: "tollgate")]),
  ],
  swiftLanguageModes: [.v6]
)
