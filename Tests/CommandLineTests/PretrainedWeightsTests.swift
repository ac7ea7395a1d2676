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

    /// `eval` of these networks on the test images in `folder`.
    private func evaluate(
      _ models: [String], in folder: TemporaryDirectory
    ) throws -> [String: Any] {
      let networks = models.flatMap {
        ["--model", $0, "--weights", "\(Self.data)/\($0)-cifar10.safetensors"]
      }
      let outcome = try Job.run(
        2,
        ["eval"] + networks + [
          "--dataset", "image-folder", "--data-dir", folder.file("test"), "--mean",
          "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--json",
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    @Test(
      "ResNet-20, ResNet-32 and both together get exactly the known images right",
      .enabled(if: isThere, "skipped: no ../shared/data"))
    func scores() throws {
      let folder = try TemporaryDirectory()
      let unpacked = try ProcessRunner.run(
        "/usr/bin/tar", ["xzf", "\(Self.data)/cifar10-jpeg.tar.gz", "-C", folder.path],
        timeout: 120)
      #expect(unpacked.exitCode == 0)
      // The last one's are from `Oracles/evaluation/cifar10_ensemble.py`.
      for (models, top1, loss) in [
        (["resnet20"], 0.8103, 0.87880), (["resnet32"], 0.8256, 0.92271),
        (["resnet20", "resnet32"], 0.8412, 0.63675),
      ] {
        let result = try evaluate(models, in: folder)
        #expect(result["top1"] as? Double == top1)
        #expect(abs((result["loss"] as? Double ?? 0) - loss) < 1e-4)
        #expect(result["samples"] as? Int == 10_000)
      }
    }
  }
}
