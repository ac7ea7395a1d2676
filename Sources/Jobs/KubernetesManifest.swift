/// The manifest of a Kubernetes job: Kubeflow's MPIJob, v2beta1.

import System

extension JobRequest {
  var kubernetesManifest: [String] {
    let image = JSON.string(container ?? "").description
    var text = CommentedLines(
      heading("MPIJob for Kubeflow's MPI Operator", submit: "kubectl apply -f FILE") + [
        "#",
        "# The claim resnet-dist must be there: a volume that all nodes can write (ReadWriteMany), for images and runs.",
        "apiVersion: kubeflow.org/v2beta1", "kind: MPIJob", "metadata:", "  name: \(name)", "spec:",
        "  slotsPerWorker: \(ranksPerNode)", "  mpiImplementation: OpenMPI",
        "  # mpirun starts when it can reach all workers.",
        "  launcherCreationPolicy: WaitForWorkersReady",
        "  runPolicy:",
        "    # A launcher that was evicted or failed is started again, and its run resumes; so often at most.",
        "    backoffLimit: 20",
        "    # Workers leave with the launcher.",
        "    cleanPodPolicy: Running",
        "  mpiReplicaSpecs:",
        "    Launcher:", "      replicas: 1", "      restartPolicy: OnFailure",
        "      template:", "        spec:",
        "          # A launcher that is evicted has this long to save.",
        "          terminationGracePeriodSeconds: 120",
        "          containers:", "            - name: launcher", "              image: \(image)",
        "              workingDir: /work",
        "              command:", "                - /bin/bash", "                - -c",
        "                - |",
      ])
    var script = CommentedLines()
    addEnvironment(to: &script)
    script.add(
      "Pods share a node's cores by quota: there is nothing to bind to.",
      lines: ["export OMPI_MCA_hwloc_base_binding_policy=none"])
    script.add(
      "Sandboxes forbid a rank to read another's memory.",
      lines: ["export OMPI_MCA_btl_vader_single_copy_mechanism=none"])
    addRun("mpirun -n \(ranks) \(program())", endedBy: nil, to: &script)
    script.addParagraph(
      "Any code but 0 makes Kubernetes start it again.", lines: ["exit \"$code\""])
    let indentation = String(repeating: " ", count: 18)
    text.add(
      lines: script.lines.drop { $0.isEmpty }.map { $0.isEmpty ? "" : indentation + $0 })
    text.add(
      lines: volumes(sharingMemory: false) + [
        "    Worker:", "      replicas: \(nodes)", "      restartPolicy: Never", "      template:",
        "        spec:", "          containers:", "            - name: worker",
        "              image: \(image)", "              command:",
        "                - /bin/bash", "                - -c",
        "                # An image has no host keys of its own.",
        "                - ssh-keygen -A && exec /usr/sbin/sshd -De",
        "              # Requests that equal limits keep a worker's cores and memory its own.",
        "              resources:",
      ])
    for kind in ["requests", "limits"] {
      text.add(lines: [
        "                \(kind):", "                  cpu: \(ranksPerNode * threads)",
      ])
      if let memory { text.add(lines: ["                  memory: \(memory)i"]) }
    }
    text.add(lines: volumes(sharingMemory: true))
    return text.lines
  }

  /// The folder of images and runs and, for workers, memory that the ranks of a pod share.
  ///
  /// - Parameter sharingMemory: false for a launcher, which has no ranks.
  private func volumes(sharingMemory: Bool) -> [String] {
    let mounts = ["                - name: work", "                  mountPath: /work"]
    let claims = [
      "            - name: work", "              persistentVolumeClaim:",
      "                claimName: resnet-dist",
    ]
    if !sharingMemory {
      return ["              volumeMounts:"] + mounts + ["          volumes:"] + claims
    }
    return ["              volumeMounts:"] + mounts + [
      "                - name: shared-memory", "                  mountPath: /dev/shm",
      "          volumes:",
    ] + claims + [
      "            # Ranks of a pod exchange through shared memory, of which a pod has 64 MB otherwise.",
      "            - name: shared-memory", "              emptyDir:",
      "                medium: Memory",
    ]
  }
}
