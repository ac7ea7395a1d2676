/// Which value wins: defaults < the resumed run < the file < flags.

import Datasets
import Foundation
import Runs
import Settings
import Tensors
import TestSupport
import Testing

@Suite struct ConfigurationSourcesTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func write(_ text: String, to name: String) throws -> String {
    let path = folder.file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// A run with one checkpoint; only its configuration is read here.
  private func makeRun(_ config: String) throws -> String {
    _ = try write(config, to: "run/config.yaml")
    _ = try write("{}", to: "run/checkpoints/step-0000010/checkpoint.json")
    return folder.file("run")
  }

  @Test("without anything the defaults hold")
  func defaults() throws {
    #expect(
      try TrainingConfiguration.resolve([], file: nil, resume: nil)
        == TrainingConfiguration())
  }

  @Test("flags win over the file, the file over the resumed run, the run over the defaults")
  func precedence() throws {
    let run = try makeRun("lr: 0.4\nmomentum: 0.4\nwd: 0.4\nmodel: resnet56\n")
    let file = try write("lr: 0.3\nmomentum: 0.3\n", to: "run.yaml")
    let resolved = try TrainingConfiguration.resolve(
      [.init(\.schedule.learningRate, 0.2)], file: file, resume: run)
    #expect(resolved.schedule.learningRate == 0.2)
    #expect(resolved.optimizer.momentum == 0.3)
    #expect(resolved.optimizer.weightDecay == 0.4)
    #expect(resolved.network.model == "resnet56")
    #expect(resolved.schedule.gamma == 0.1)
  }

  @Test("--data-dir tells the data set, where --dataset does not")
  func dataset() throws {
    let folder = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: folder.file("cifar-10-batches-bin"), withIntermediateDirectories: true)
    let directory = ConfigurationChange(\.data.directory, folder.path)
    func resolved(_ changes: ConfigurationChanges) throws -> DatasetName {
      try TrainingConfiguration.resolve(changes, file: nil, resume: nil).data.dataset
    }
    #expect(try resolved([directory]) == .cifar10)
    #expect(try resolved([.init(\.run.recipe, .torchvisionV1), directory]) == .cifar10)
    #expect(try resolved([directory, .init(\.data.dataset, .imageFolder)]) == .imageFolder)
    #expect(try resolved([.init(\.data.directory, "/no/such/folder")]) == .fashionMNIST)
  }

  @Test("without --model small images get ResNet-20 and large ones ResNet-18")
  func model() throws {
    var configuration = TrainingConfiguration()
    for (side, name) in [(28, "resnet20"), (96, "resnet20"), (97, "resnet18"), (224, "resnet18")] {
      let input = ImageShape(height: side, width: side, channels: 3)
      let architecture = try configuration.architecture(classes: 3, input: input)
      #expect(architecture.name == name)
      var resolved = configuration
      resolved.resolve(architecture)
      #expect(resolved.network.model == name)
    }
    configuration.network.model = "resnet8"
    #expect(
      configuration.network.model(for: ImageShape(height: 224, width: 224, channels: 3))
        == "resnet8"
    )
  }

  @Test("a length in one unit replaces a length in the other")
  func length() throws {
    let file = try write("iterations: 64000\n", to: "run.yaml")
    #expect(
      try TrainingConfiguration.resolve(
        [.init(\.schedule.length, .epochs(3))], file: file, resume: nil
      ).schedule
        .length
        == .epochs(3))
    #expect(
      try TrainingConfiguration.resolve([], file: file, resume: nil).schedule.length
        == .iterations(64_000))
  }

  @Test("a warm-up in one unit replaces one in the other, and 0 ends it")
  func warmUp() throws {
    let file = try write("warmup-epochs: 5\n", to: "run.yaml")
    for length in [.iterations(400), .epochs(0.5), nil] as [WarmUpLength?] {
      let resolved = try TrainingConfiguration.resolve(
        [.init(\.schedule.warmUpLength, length)], file: file, resume: nil)
      #expect(resolved.schedule.warmUpLength == length)
    }
    let resolved = try TrainingConfiguration.resolve(
      [.init(\.run.seed, 1)], file: file, resume: nil)
    #expect(resolved.schedule.warmUpLength == .epochs(5))
  }

  @Test("a run is found by its folder, a checkpoint and a file in one, and brings no weights")
  func resumed() throws {
    let run = try makeRun("model: plain8\nweights: elsewhere.safetensors\n")
    let checkpoint = "\(run)/checkpoints/step-0000010"
    for path in [run, "\(run)/", checkpoint, "\(checkpoint)/checkpoint.json"] {
      let resolved = try TrainingConfiguration.resolve([], file: nil, resume: path)
      #expect(resolved.network.model == "plain8", "\(path)")
      #expect(resolved.network.weights == nil, "\(path)")
    }
  }

  @Test("files that are missing or wrong are named")
  func wrongFiles() throws {
    let missing = folder.file("nowhere.yaml")
    #expect(throws: ConfigurationError.self) {
      try TrainingConfiguration.resolve([], file: missing, resume: nil)
    }
    let unknown = try write("lerning: 1\n", to: "unknown.yaml")
    for (file, resume) in [(missing, nil), (unknown, nil), (nil, folder.file("nothing"))]
      as [(String?, String?)]
    {
      do {
        _ = try TrainingConfiguration.resolve([], file: file, resume: resume)
        Issue.record("nothing was thrown")
      } catch {
        #expect("\(error)".contains((file ?? resume)!), "\(error)")
      }
    }
    // A run whose config.yaml was damaged.
    let run = try makeRun("lr: fast\n")
    do {
      _ = try TrainingConfiguration.resolve([], file: nil, resume: run)
      Issue.record("nothing was thrown")
    } catch {
      #expect(
        "\(error)" == "\(run)/config.yaml:1: lr: fast: expected a positive number", "\(error)")
    }
  }
}
