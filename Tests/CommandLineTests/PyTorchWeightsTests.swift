/// The commands take weights of both formats that `torch.save` has written.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct PyTorchWeightsTests {
    private static func fixture(_ name: String) -> String {
      "\(Job.root)/Tests/PyTorchFilesTests/Fixtures/\(name).pth"
    }

    @Test("the format from before PyTorch 1.6 has the digest of the newer one, without .pth too")
    func digests() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("weights")
      try FileManager.default.copyItem(atPath: Self.fixture("legacy-state"), toPath: path)
      let digest = try Job.digest(Self.fixture("state"))
      #expect(digest.count == 64)
      #expect(try Job.digest(path) == digest)
      #expect(
        try Job.digest(Self.fixture("legacy-python2"))
          == Job.digest(Self.fixture("legacy-python2-loaded")))
    }

    @Test("an old file that wants to run something is refused, once, and nothing is written")
    func hostile() throws {
      let folder = try TemporaryDirectory()
      let path = Self.fixture("legacy-hostile")
      for arguments in [
        ["inspect", path], ["export", path, "--model", "resnet8", "--onnx", folder.file("model")],
        ["eval", "--dataset", "synthetic", "--model", "resnet8", "--weights", path],
      ] {
        expectFailure(
          try Job.alone(arguments), exitCode: 1, naming: [path, "`posix.system`", "torch.save("])
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}
