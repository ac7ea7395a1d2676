/// Weights that others trained score here what they score there.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct PretrainedWeightsTests {
    static let data = "\(Job.root)/../shared/data"
    static let isThere: Bool = {
      let isThere = FileManager.default.fileExists(atPath: "\(data)/cifar10-jpeg.tar.gz")
      if !isThere { print("skipped: no ../shared/data") }
      return isThere
    }()

    @Test(
      "ResNet-20 and ResNet-32 get exactly the known images right",
      .enabled(if: isThere, "skipped: no ../shared/data"))
    func scores() throws {
      let folder = try TemporaryDirectory()
      let unpacked = try ProcessRunner.run(
        "/usr/bin/tar", ["xzf", "\(Self.data)/cifar10-jpeg.tar.gz", "-C", folder.path],
        timeout: 120)
      #expect(unpacked.exitCode == 0)
      for (model, top1, loss) in [("resnet20", 0.8103, 0.87880), ("resnet32", 0.8256, 0.92271)] {
        let outcome = try Job.run(
          2,
          [
            "eval", "--model", model, "--weights", "\(Self.data)/\(model)-cifar10.safetensors",
            "--dataset", "image-folder", "--data-dir", folder.file("test"), "--mean",
            "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--json",
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let result = try Job.object(outcome.standardOutput)
        #expect(result["top1"] as? Double == top1)
        #expect(abs((result["loss"] as? Double ?? 0) - loss) < 1e-4)
        #expect(result["samples"] as? Int == 10_000)
      }
    }
  }
}
