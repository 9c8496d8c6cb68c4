#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/model_config.h"
#include "check/reference.h"
#include "check/report.h"
#include "io/stored_tensor.h"
#include "load/model_files.h"

namespace calotype::checker {

/// Reference files of every container: their index, the sizes that no file tells, and what the weights do.
struct FilesContext {
  std::filesystem::path folder;
  json index;
  json sizes, gguf_sizes;  // config.json
};

/// What a case expects, and whatever its file says; both are compared.
class FilesCase {
 public:
  FilesCase(const FilesContext& context, const json& row, Findings& findings)
      : context_(context), row_(row), findings_(findings) {}

  const json& row() const { return row_; }
  Findings& findings() { return findings_; }
  const FilesContext& context() const { return context_; }
  std::filesystem::path path() const { return context_.folder / word(row_, "path"); }

  /// Runs `open`, which opens the file and compares what is in it, and judges how it ends by `expect`: refusals must be
  /// errors of the right kind that name the file and what `names` asks for. Watches time, memory, and that nothing
  /// appears in the folder where it runs.
  void judge(const std::function<void()>& open);

 private:
  void compare_refusal(const std::string& message, const std::string& kind);

  const FilesContext& context_;
  const json& row_;
  Findings& findings_;
};

/// "unet", "vae", "text" in `components`: number of tensors and SHA-256 of their f32 values, in the original layout.
/// `plus_zero`: with 0 added, which makes -0 of it 0.
void compare_components(const ModelFiles& files, const json& components, Averages averages, bool plus_zero,
                        Findings& findings);

/// Names, shapes and values of `tensors`.
void compare_tensors(std::span<const StoredTensor> tensors, const json& wanted, Findings& findings);

/// The networks of a file computed on the inputs of an effects file: outputs `NAME.unet`, `NAME.text`, `NAME.vae.*`
/// where they are there. `sizes`: what no shape tells.
void compare_effects(const std::filesystem::path& path, const std::string& name, const json& sizes,
                     const ReferenceTensors& effects, Findings& findings);

/// Runs every row of a topic, which a folder may lack, as a case named by its path.
void run_topic(const FilesContext& context, const char* topic, Report& report,
               const std::function<void(const json& row, FilesCase& one, Findings& findings)>& body);

// Topics of the index. Adapters are not read by these.
void check_checkpoints(const FilesContext& context, Report& report);
void check_folders(const FilesContext& context, Report& report);
void check_damaged(const FilesContext& context, Report& report);
void check_embeddings(const FilesContext& context, Report& report);
void check_gguf(const FilesContext& context, Report& report);
void check_folder_pipeline(const FilesContext& context, Report& report);

}  // namespace calotype::checker
