/// `resnet-dist detect score`: the precision of detections that any program has written.

import ArgumentParser
import Console
import DetectionData
import Distributed
import Foundation
import Runs

struct DetectScoreCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Score detections against annotations, as pycocotools and VOC's tools do.",
    usage: "resnet-dist detect score <detections> <annotations> [<options>]",
    discussion: """
      COCO: a file of results and an annotation file. VOC: a folder with a file such as comp4_det_test_person.txt \
      for each class, and the data set's folder.

        resnet-dist detect score detections.json instances_val2017.json
        resnet-dist detect score results/ VOC2007 --image-set test --json
      """)

  static var usesRanks: Bool { false }

  @Argument(
    help: ArgumentHelp("COCO's results, or a folder of VOC's.", valueName: "detections"),
    completion: .file())
  var detections: String

  @Argument(
    help: ArgumentHelp("COCO's annotation file, or a VOC folder.", valueName: "annotations"),
    completion: .file())
  var annotations: String

  @Option(help: ArgumentHelp("VOC's image set.", valueName: "name"))
  var imageSet = "test"

  @Flag(
    help: "Print one JSON object: COCO's twelve numbers, or VOC's average precisions.")
  var json = false

  func runAlone() throws {
    let output = StandardConsole.output
    var isFolder: ObjCBool = false
    let isVOC =
      FileManager.default.fileExists(atPath: annotations, isDirectory: &isFolder)
      && isFolder.boolValue
    let dataset =
      isVOC
      ? try DetectionDataset.voc(annotations, imageSet: imageSet)
      : try DetectionDataset.coco(annotations: annotations, images: "")
    let found =
      isVOC
      ? try VOCResults.read(detections, of: dataset)
      : try COCOResults.read(detections, of: dataset)
    let scores = DetectionScores(dataset, found)
    let notes = json ? StandardConsole.error : output
    for note in dataset.notes { notes.writeLine(note) }
    if json {
      try output.writeResultLine(scores.vocJSON ?? scores.json)
      return
    }
    try output.writeResult(scores.text(dataset))
  }
}
