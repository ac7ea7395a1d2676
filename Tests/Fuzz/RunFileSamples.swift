/// Small whole files of run folders, and of what commands print for other commands to read.

/// Each begins with a line that is its name.
enum RunFileSamples {
  private static func framed(_ files: [(name: String, text: String)]) -> [[UInt8]] {
    files.map { Array("\($0.name)\n\($0.text)".utf8) }
  }

  /// A run's settings where they are not what is damaged.
  static let config = "model: resnet8\ndataset: synthetic\n"

  /// The parts of a run folder that `report` and `top` read.
  static let run = framed([
    ("config.yaml", config + "epochs: 2\nval-data: null\nderived: {threads: 2}\n"),
    (
      "metrics.jsonl",
      """
      {"step":4,"epoch":1,"split":"train","images":64,"loss":2.25,"top1_error":0.84,"lr":0.1,"images_per_second":492.5,"seconds":0.5}
      {"step":4,"epoch":1,"split":"test","images":32,"loss":2.5,"top1_error":0.9,"lr":0.1,"seconds":1}
      {"step":8,"epoch":2,"split":"train","images":64,"loss":1.75,"objectness":0.5,"proposal_box":0.25,"seconds":2}
      {"step":8,"epoch":2,"split":"validation","images":32,"AP":0.25,"AP50":0.5,"recall50":0.75,"average_recall":0.5,"seconds":2}

      """
    ),
    (
      "result.json",
      """
      {"model":"resnet8","samples":32,"top1":0.25,"top5":0.5,"loss":2.4,"parameters_sha256":"53","best_step":4,"best_error":0.9,"AP":0.5,"seconds":7.5}
      """
    ),
    (
      "mistakes.json",
      """
      {"images":4,"right":2,"classes":["a","b"],"confusion":[[1,1],[1,1]],"confusions":[{"class":"a","class_images":2,"count":1,"predicted":"b"}],"mistakes":[{"image":"1.png","class":"a","predicted":"b","probability":0.5,"png":"iVBORw0KGgo="}]}
      """
    ),
    (
      "precision-recall.json",
      "{\"classes\":[{\"name\":\"cat\",\"recall\":[0,0.5,1],\"precision\":[1,0.75,0.5]}]}"
    ),
    (
      "status.json",
      """
      {"bad_images":0,"checkpoint_step":4,"checkpoint_time":1795838829.5,"dataset":"synthetic","epoch":1,"epochs":2,"evaluation_loss":2.4,"evaluation_split":"test","evaluation_top1_error":0.9,"host":"node1","hosts":1,"images":64,"images_per_second":340.6,"learning_rate":0.001,"loss":2.3,"model":"resnet8","patience_seconds":60,"peak_resident_bytes":74915840,"process_id":17957,"ranks":2,"remaining_seconds":90,"skipped_steps":0,"start_time":1795838828.5,"state":"training","step":4,"steps":8,"threads":1,"top1_error":0.8,"training_seconds":0.2,"update_time":1795838829.75}
      """
    ),
  ])

  /// What `report --table 4`, `report --scaling` and `detect score` read.
  static let results = framed([
    (
      "eval.jsonl",
      "{\"model\":\"resnet34\",\"shortcut\":\"B\",\"samples\":50,\"top1\":0.75,\"top5\":0.9,\"views\":10}\n"
    ),
    (
      "bench.jsonl",
      """
      {"model":"resnet20","ranks":1,"threads":1,"batch_size":128,"images_per_second":600.5}
      {"model":"resnet20","ranks":2,"threads":1,"batch_size":128,"images_per_second":1100}
      {"model":"resnet20","threads":1,"rows":[{"ranks":4,"batch_size":256,"prediction":{"images_per_second":2000}}]}

      """
    ),
    ("comp4_det_test_cat.txt", "a 0.75 1 2 30.5 40\nb 1e-3 1 1 2 2\n"),
  ])

  static let checkpoint = [
    """
    {"files":{},"state":{"batch_size":16,"best":{"error":0.9,"step":4},"class_names":["a","b"],"classes":2,\
    "dataset":"5343","epoch":1,"epoch_totals":{"images":16,"loss":1.5,"top1":3,"top5":4,"terms":{"a":1}},\
    "input_side":32,"test_resize":256,"interpolation":"bicubic","logged_totals":{"images":0,"loss":0,"top1":0,\
    "top5":0},"model":"resnet8","optimizer":"lamb","parameters_sha256":"53","seconds":0.13,"seed":18446744073709551615,\
    "settings":{"batch-size":"16","freeze":"none","image-size-schedule":"16,32@50%","mean":"0.5,0.5,0.5",\
    "shards":"8","std":"per-channel"},"schedule":{"best":0.5,"bad":2},"skipped":{"total":3,"in_a_row":1},\
    "evaluation_pending":true,"shards":8,"shortcut":"A","stride_placement":"1x1","step":4}}
    """
  ].map { Array($0.utf8) }
}
