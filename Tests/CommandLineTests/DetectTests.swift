/// Detection as users run it: training on ranks, resuming, testing, predicting, scoring.

import Foundation
import Safetensors
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct DetectTests {
    private static let images = "\(Job.root)/Tests/DatasetsTests/Fixtures"

    /// A VOC folder of small images of two sizes, 6 to train with and 3 to test with.
    ///
    /// - Parameter isUniform: whether all are one image.
    static func dataset(isUniform: Bool = false) throws -> TemporaryDirectory {
      let folder = try TemporaryDirectory()
      for name in ["Annotations", "ImageSets/Main", "JPEGImages"] {
        try FileManager.default.createDirectory(
          atPath: folder.file(name), withIntermediateDirectories: true)
      }
      for number in 0..<9 {
        let index = isUniform ? 0 : number
        let isWide = index % 3 == 1
        let (file, width, height) = isWide ? ("odd", 77, 45) : ("colour", 40, 24)
        try FileManager.default.copyItem(
          atPath: "\(images)/\(file).jpg", toPath: folder.file("JPEGImages/\(number).jpg"))
        let objects =
          index == 5
          ? ""
          : """
          <object><name>left</name><bndbox><xmin>\(1 + index)</xmin><ymin>2</ymin>
          <xmax>\(width / 2 + index)</xmax><ymax>\(height)</ymax></bndbox></object>
          <object><name>right</name><bndbox><xmin>\(width / 2)</xmin><ymin>1</ymin>
          <xmax>\(width)</xmax><ymax>\(height / 2 + index)</ymax></bndbox></object>
          """
        try write(
          """
          <annotation><size><width>\(width)</width><height>\(height)</height></size>
          \(objects)</annotation>
          """, to: folder.file("Annotations/\(number).xml"))
      }
      try write("0\n1\n2\n3\n4\n5\n", to: folder.file("ImageSets/Main/train.txt"))
      try write("6\n7\n8\n", to: folder.file("ImageSets/Main/val.txt"))
      return folder
    }

    private static func write(_ text: String, to path: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    /// Settings that train in some seconds.
    static func arguments(_ data: TemporaryDirectory) -> [String] {
      [
        "detect", "train", "--data-dir", data.path, "--model", "resnet18", "--min-size", "40",
        "--max-size", "64", "--batch-size", "4", "--iterations", "4", "--rpn-channels", "16",
        "--anchor-sizes", "16,32", "--box-batch-size-per-image", "16",
        "--rpn-post-nms-top-n-train", "40", "--rpn-post-nms-top-n-test", "20",
        "--box-score-thresh", "0.01", "--json",
      ]
    }

    private func train(
      _ ranks: Int, _ arguments: [String], to run: String
    ) throws -> [String: Any] {
      let outcome = try Job.run(ranks, arguments + ["--run-dir", run])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    @Test(
      "parameters and figures are the same on any ranks, and a resumed run's",
      arguments: ["fp32", "bf16", "bf16-amx"])
    func ranks(precision: String) throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let arguments =
        Self.arguments(data) + [
          "--batch-size", "8", "--precision", precision, "--checkpoint-every", "2",
        ]
      let one = try train(1, arguments, to: folder.file("1"))
      for ranks in [2, 4, 8] {
        let other = try train(ranks, arguments, to: folder.file("\(ranks)"))
        for key in ["parameters_sha256", "AP", "AP50", "AR100", "samples"] {
          #expect("\(one[key]!)" == "\(other[key]!)", "\(key) on \(ranks) ranks")
        }
      }
      let resumed = try Job.run(
        3,
        [
          "detect", "train", "--resume", folder.file("2/checkpoints/step-0000002"), "--run-dir",
          folder.file("resumed"), "--json",
        ])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      let again = try Job.object(resumed.standardOutput)
      #expect("\(again["parameters_sha256"]!)" == "\(one["parameters_sha256"]!)")
      #expect("\(one["frozen_sha256_before"]!)" == "\(one["frozen_sha256_after"]!)")
      let outcome = try Job.run(1, ["train", "--resume", folder.file("2")])
      expectFailure(outcome, exitCode: 2, naming: ["detect train"])
      let tested = try Job.run(2, ["eval", "--weights", folder.file("2")])
      expectFailure(tested, exitCode: 2, naming: ["detect eval"])
    }

    @Test("a resumed run normalizes images as the weights that it began with")
    func normalization() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let arguments = Self.arguments(data) + ["--checkpoint-every", "2"]
      let weights = folder.file("weights")
      _ = try train(2, arguments + ["--mean", "0.2,0.3,0.4", "--std", "0.5,0.6,0.7"], to: weights)
      let whole = try train(2, arguments + ["--weights", weights], to: folder.file("whole"))
      let resumed = try train(
        2,
        ["detect", "train", "--json", "--resume", folder.file("whole/checkpoints/step-0000002")],
        to: folder.file("resumed"))
      #expect("\(resumed["parameters_sha256"]!)" == "\(whole["parameters_sha256"]!)")
    }

    @Test("eval and score give a run's own figures, predict its boxes")
    func tests() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let run = folder.file("run")
      let result = try train(2, Self.arguments(data), to: run)
      for name in [
        "config.yaml", "metrics.jsonl", "report.html", "detections.json",
        "comp4_det_val_left.txt", "precision-recall.json", "logs/rank-0001.jsonl",
      ] {
        #expect(FileManager.default.fileExists(atPath: "\(run)/\(name)"), "\(name)")
      }
      let evaluated = try Job.run(3, ["detect", "eval", "--weights", run, "--json"])
      #expect(evaluated.exitCode == 0, "\(evaluated.standardError)")
      let figures = try Job.object(evaluated.standardOutput)
      #expect(
        Set(figures.keys)
          == [
            "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl",
          ])
      for (key, value) in figures { #expect("\(result[key]!)" == "\(value)", "\(key)") }
      let scored = try Job.alone(
        ["detect", "score", run, data.path, "--image-set", "val", "--json"])
      #expect(scored.exitCode == 0, "\(scored.standardError)")
      let voc = try Job.object(scored.standardOutput)
      for key in ["AP_11_points", "AP_area"] {
        let (own, other) = (voc[key] as? Double, result[key] as? Double)
        #expect(abs(try #require(own) - (try #require(other))) < 1e-9, "\(key)")
      }
      var texts: Set<String> = []
      for ranks in [1, 3] {
        let predicted = try Job.run(
          ranks, ["detect", "predict", "--weights", run, "--json", data.file("JPEGImages")])
        #expect(predicted.exitCode == 0, "\(predicted.standardError)")
        texts.insert(predicted.standardOutput)
      }
      #expect(texts.count == 1)
      let drawn = try Job.run(
        2,
        [
          "detect", "predict", "--weights", run, "--output-dir", folder.file("a/drawn"),
          "--draw-score", "0.1", "\(Self.images)/colour.png", data.file("JPEGImages/1.jpg"),
        ])
      #expect(drawn.exitCode == 0, "\(drawn.standardError)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.file("a/drawn")).sorted()
          == ["1.jpg", "colour.png"])
      let lines = texts.first?.split(separator: "\n") ?? []
      #expect(lines.count == 9)
      let first = try Job.object(String(lines.first ?? ""))
      #expect((first["image"] as? String)?.hasSuffix("JPEGImages/0.jpg") == true)
    }

    @Test("the help's defaults are the values of a run without flags")
    func defaults() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      _ = try train(2, Self.arguments(data), to: folder.file("run"))
      let config = try String(contentsOfFile: folder.file("run/config.yaml"), encoding: .utf8)
      let help = try Job.alone(["detect", "train", "--help"]).standardOutput
        .replacing(/\s+/, with: " ")
      for key in [
        "lr", "lr-reference-batch", "lr-milestones", "warmup-iterations", "warmup-lr", "momentum",
        "wd", "anchor-ratios", "freeze-stages", "seed",
      ] {
        let value = try #require(
          config.split(separator: "\n").first { $0.hasPrefix("\(key): ") }?.dropFirst(
            key.count + 2))
        let option = try Regex(
          "--\(key)(, --[a-z-]+)* <.*?\\(default: (.*?)\\)",
          as: (Substring, Substring?, Substring).self)
        #expect(try option.firstMatch(in: help)?.2 == value, "\(key)")
      }
      for word in ["train/<class>", "resnet20", "goyal2017", "--threads", "(default: 5)"] {
        #expect(!help.contains(word), "\(word)")
      }
    }

    @Test("parts of a mini-batch give the bits of the whole")
    func accumulation() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let digests = try [1, 2, 4].map { parts in
        try train(
          4 / parts, Self.arguments(data) + ["--accumulate", "\(parts)"],
          to: folder.file("\(parts)"))["parameters_sha256"] as? String
      }
      #expect(Set(digests).count == 1, "\(digests)")
    }

    @Test("a moving average is evaluated, tested, saved and resumed")
    func average() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let flags = [
        "--ema-decay", "0.5", "--warmup-iterations", "0", "--checkpoint-every", "2", "--lr",
        "0.004",
      ]
      let result = try train(2, Self.arguments(data) + flags, to: folder.file("run"))
      let average = try #require(result["average_sha256"] as? String)
      #expect(average != result["parameters_sha256"] as? String)
      let tested = try Job.run(
        1, ["detect", "eval", "--weights", folder.file("run"), "--json"])
      for (key, value) in try Job.object(tested.standardOutput) {
        #expect("\(result[key]!)" == "\(value)", "\(key)")
      }
      // Written down from the definition: a_k = a_{k-1} / 2 + w_k / 2.
      let weights = try [1, 2].map {
        try Job.run(
          1,
          Self.arguments(data) + flags + [
            "--iterations", "\($0)", "--lr-milestones", "none", "--run-dir", folder.file("\($0)"),
          ])
      }
      #expect(weights.allSatisfy { $0.exitCode == 0 })
      func tensor(_ run: String, _ file: String) throws -> [Float] {
        let checkpoints = folder.file("\(run)/checkpoints")
        let newest = try #require(
          FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted().last)
        return try SafetensorsFile(contentsOf: "\(checkpoints)/\(newest)/\(file).safetensors")
          .float32("rpn.head.conv.weight")
      }
      let (first, second) = (try tensor("1", "weights"), try tensor("2", "weights"))
      let (before, after) = (try tensor("1", "average"), try tensor("2", "average"))
      #expect(first != second)
      for index in stride(from: 0, to: first.count, by: 97) {
        #expect(abs(after[index] - (before[index] + second[index]) / 2) < 1e-6)
      }
      let resumed = try Job.run(
        3,
        [
          "detect", "train", "--resume", folder.file("run/checkpoints/step-0000002"), "--run-dir",
          folder.file("resumed"), "--json",
        ])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try Job.object(resumed.standardOutput)["average_sha256"] as? String == average)
    }

    @Test("--lr-backbone 0 trains proposals and boxes, and nothing else")
    func backboneRate() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      _ = try train(
        2, Self.arguments(data) + ["--lr-backbone", "0", "--wd", "0", "--checkpoint-every", "1"],
        to: folder.file("run"))
      let (early, late) = try (
        SafetensorsFile(
          contentsOf: folder.file("run/checkpoints/step-0000002/weights.safetensors")),
        SafetensorsFile(
          contentsOf: folder.file("run/checkpoints/step-0000004/weights.safetensors"))
      )
      var trained: Set<Substring> = []
      for entry in early.entries where !entry.name.hasSuffix("num_batches_tracked") {
        if try early.float32(entry.name) != late.float32(entry.name) {
          trained.insert(entry.name.split(separator: ".")[0])
        }
      }
      #expect(trained == ["rpn", "roi_heads"])
    }

    @Test("--timeline records what each rank does with each image")
    func timeline() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      _ = try train(
        2, Self.arguments(data) + ["--timeline", folder.file("trace.json")],
        to: folder.file("run"))
      let trace = try Job.object(
        String(contentsOfFile: folder.file("trace.json"), encoding: .utf8))
      let events = try #require(trace["traceEvents"] as? [[String: Any]])
      for rank in 0...1 {
        let layers = events.filter {
          $0["pid"] as? Int == rank && $0["name"] as? String == "backward of roi_heads.box_roi_pool"
        }
        #expect(layers.count == 4 * 4 / 2, "rank \(rank)")
      }
    }

    @Test(
      "a bad image ends the run by its name, or another one takes its place on any ranks",
      arguments: ["cut", "empty", "text"])
    func badImages(kind: String) throws {
      let folder = try TemporaryDirectory()
      // Whichever takes its place, the run is that of good images where all are the same.
      let data = try Self.dataset(isUniform: true)
      let arguments = Self.arguments(data) + ["--no-flip"]
      let good = try train(1, arguments, to: folder.file("good"))
      let path = data.file("JPEGImages/3.jpg")
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      let damaged =
        switch kind {
        case "cut": bytes.dropLast(bytes.count / 8)
        case "empty": Data()
        default: Data("a text".utf8)
        }
      try damaged.write(to: URL(fileURLWithPath: path))
      let failed = try Job.run(
        2, arguments + ["--run-dir", folder.file("failed")], timeout: Job.patience)
      expectFailure(failed, exitCode: 1, naming: ["3.jpg"])
      // A header is read before anything is written.
      #expect(FileManager.default.fileExists(atPath: folder.file("failed")) == (kind == "cut"))
      let tolerant = arguments + ["--on-bad-image", "skip"]
      for ranks in [1, 2, 4] {
        let run = folder.file("\(ranks)")
        let outcome = try Job.run(ranks, tolerant + ["--run-dir", run])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let result = try Job.object(outcome.standardOutput)
        for key in ["parameters_sha256", "AP"] {
          #expect("\(result[key]!)" == "\(good[key]!)", "\(key) on \(ranks) ranks")
        }
        #expect(outcome.standardError.contains("3.jpg"))
        let counts = try Job.metrics(run).filter { $0["split"] == "train" }.compactMap {
          $0["bad_images"].flatMap { Int($0) }
        }
        // 16 images of 6: each of them is met twice or three times.
        #expect((2...3).contains(counts.reduce(0, +)), "\(counts)")
        let logs = try (0..<ranks).map {
          try String(contentsOfFile: "\(run)/logs/rank-000\($0).jsonl", encoding: .utf8)
        }
        #expect(logs.joined().contains("bad image replaced"))
      }
      try damaged.write(to: URL(fileURLWithPath: data.file("JPEGImages/7.jpg")))
      let tested = try Job.run(
        2, tolerant + ["--run-dir", folder.file("tested")], timeout: Job.patience)
      expectFailure(tested, exitCode: 1, naming: ["7.jpg"])
    }

    @Test("doctor reports a run's images, memory, checkpoints and time, and its problems")
    func doctor() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let flags = Array(Self.arguments(data).dropFirst(2))
      let outcome = try Job.run(2, ["detect", "doctor"] + flags, in: folder.path)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try Job.object(outcome.standardOutput)
      let measured = try #require(report["measured"] as? [String: Any])
      let run = try #require(measured["run"] as? [String: Any])
      #expect(run["training_images"] as? Int == 6 && run["test_images"] as? Int == 3)
      #expect(run["steps"] as? Int == 4 && run["shards"] as? Int == 4)
      #expect(run["model"] as? String == "fasterrcnn_resnet18_c4")
      let step = try #require(measured["step"] as? [String: Any])
      #expect((step["images_per_second"] as? Double ?? 0) > 0)
      // What it expects of memory and files is what a run takes.
      let estimate = try #require((run["memory_bytes"] as? [Int])?.max())
      let peak = try #require(step["peak_rss_bytes"] as? Int)
      #expect(estimate > peak / 2 && estimate < 2 * peak, "\(estimate) and \(peak)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      _ = try train(1, Self.arguments(data), to: folder.file("run"))
      let checkpoint = folder.file("run/checkpoints/step-0000004")
      let size = try FileManager.default.contentsOfDirectory(atPath: checkpoint).reduce(0) {
        let path = "\(checkpoint)/\($1)"
        return $0 + (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
      }
      let expected = try #require(run["checkpoint_bytes"] as? Int)
      #expect(abs(Double(size) / Double(expected) - 1) < 0.02, "\(size) and \(expected)")
      let none = try Job.run(2, ["detect", "doctor"], in: folder.path)
      #expect(none.exitCode == 1 && none.standardOutput.contains("--data-dir is missing"))
      let other = try Job.run(2, ["doctor", "--recipe", "faster-rcnn"], in: folder.path)
      expectFailure(other, exitCode: 2, naming: ["detect doctor"])
    }

    @Test("images that are all bad end the run, whatever is to become of them")
    func allBad() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      for index in 0..<6 {
        try Self.write("a text", to: data.file("JPEGImages/\(index).jpg"))
      }
      let outcome = try Job.run(
        1, Self.arguments(data) + ["--on-bad-image", "skip", "--run-dir", folder.file("run")],
        timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: [".jpg"])
    }

    @Test("what cannot be trained or tested is said once, with what to do")
    func wrong() throws {
      let (data, folder) = (try Self.dataset(), try TemporaryDirectory())
      let train = Self.arguments(data)
      func check(_ arguments: [String], exitCode: Int32 = 2, _ parts: String...) throws {
        let outcome = try Job.run(2, arguments, in: folder.path)
        expectFailure(outcome, exitCode: exitCode, naming: parts)
      }
      try check(["detect", "train"], "--data-dir", "VOC", "COCO")
      try check(train + ["--model", "resnet20"], "resnet20", "resnet50")
      try check(train + ["--recipe", "goyal2017"], "resnet-dist train")
      try check(["train", "--recipe", "faster-rcnn"], "detect train")
      try check(train + ["--threads", "4"], "--threads", "mpirun -n")
      try check(train + ["-j", "4"], "--workers", "mpirun -n")
      try Self.write("label-smoothing: 0.1\n", to: folder.file("smooth.yaml"))
      try check(
        train + ["--config", folder.file("smooth.yaml")], "--label-smoothing is not for detectors")
      try Self.write("warmup-until-error: 0.8\n", to: folder.file("warm.yaml"))
      try check(train + ["--config", folder.file("warm.yaml")], "--warmup-iterations")
      try check(train + ["--select", "best"], "--select")
      try check(
        train + ["--batch-size", "1"], "2 ranks", "of 1 image: use --batch-size 2 or more, or",
        "at most 1 rank")
      try check(
        train + ["--rpn-fg-iou-thresh", "0.3", "--rpn-bg-iou-thresh", "0.7"],
        "--rpn-bg-iou-thresh 0.7 is above --rpn-fg-iou-thresh 0.3")
      try check(
        train + ["--data-dir", folder.path], exitCode: 1, "annotations/*.json", "ImageSets/Main")
      try check(
        train + ["--weights", "\(Self.images)/colour.jpg"], exitCode: 1, "colour.jpg")
      let classifier = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/weights.safetensors"
      try check(
        ["detect", "eval", "--weights", classifier, "--data-dir", data.path], "no detector")
      try Self.write(
        "<annotation><size><width>24</width><height>40</height></size></annotation>",
        to: data.file("Annotations/0.xml"))
      try check(train, exitCode: 1, "0.jpg has 40×24 pixels", "--exif-transpose")
      try FileManager.default.removeItem(atPath: data.file("JPEGImages/4.jpg"))
      try check(train, exitCode: 1, "4.xml: its image is not in")
      #expect(!FileManager.default.fileExists(atPath: folder.file("runs/x")))
    }
  }
}
