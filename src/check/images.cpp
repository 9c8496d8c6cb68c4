#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"
#include "check/image_cases.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "io/comfy_graph.h"
#include "io/infotext.h"
#include "io/mask.h"
#include "io/picture.h"
#include "io/picture_text.h"

namespace calotype::checker {
namespace {

double farthest(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return INFINITY;
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double distance = std::abs(got[i] - want[i]);
    if (!(distance <= most)) most = distance;
  }
  return most;
}

std::vector<double> widened(const std::vector<uint8_t>& values) {
  return {values.begin(), values.end()};
}

std::vector<double> without_alpha(const Image& image) {
  std::vector<double> values;
  for (size_t i = 0; i < image.pixels.size(); ++i)
    if (image.channels < 4 || i % 4 != 3) values.push_back(image.pixels[i]);
  return values;
}

void check_whole(const std::filesystem::path& folder, const json& row, const ReferenceTensors& tensors,
                 Findings& findings) {
  const std::filesystem::path path = folder / row.at("path").get<std::string>();
  const Image image = read_image(path);
  findings.equal("size", std::vector<int>{image.width, image.height}, row.at("size").get<std::vector<int>>());
  const double tolerance = row.at("tolerance");
  for (const json& name : row.at("tensors")) {
    const auto text = name.get<std::string>();
    const std::string what = text.substr(text.rfind(':') + 1);
    std::vector<double> got;
    if (what == "rgb") {
      got = without_alpha(image);
    } else if (what == "rgba") {
      got = widened(image.pixels);
    } else if (what == "on_white") {
      got = widened(on_white(image).pixels);
    } else if (what == "gray16") {
      const Grey16 grey = read_grey16(path);
      got.assign(grey.pixels.begin(), grey.pixels.end());
    } else {
      fail(ErrorKind::unsupported, "{}: pixels of this kind are not known", text);
    }
    findings.measure(what, farthest(got, tensors.values(text)), what == "gray16" ? 0 : tolerance);
  }
}

/// Damaged files: an ordinary refusal, where one is asked for; else whatever is within bounds.
void check_broken(const std::filesystem::path& folder, const json& row, Findings& findings) {
  const std::filesystem::path path = folder / row.at("path").get<std::string>();
  const std::string expected = row.at("expect");
  std::string message;
  bool refused = false, within = true;
  try {
    const Image image = read_image(path);
    within = image.width > 0 && image.height > 0 &&
             image.pixels.size() == static_cast<size_t>(image.width) * image.height * image.channels;
  } catch (const Error& error) {
    refused = true;
    message = error.what();
    within = error.kind() == ErrorKind::bad_file || error.kind() == ErrorKind::unsupported ||
             error.kind() == ErrorKind::out_of_memory;
  }
  findings.exact("refused or whole", within ? 0 : 1);
  if (expected == "refuse") findings.exact("refused", refused ? 0 : 1);
  if (expected == "open") findings.exact("opened", refused ? 1 : 0);
  if (refused)
    findings.exact("named, in one line",
                   message.starts_with(path.string()) && message.find('\n') == std::string::npos ? 0 : 1);
}

void check_decoding(const std::filesystem::path& folder, Report& report) {
  const ReferenceTensors tensors(folder / "decode.safetensors");
  for (const json& row : read_rows(folder / "decode.json")) {
    const std::string path = row.at("path");
    report.run(path, [&](Findings& findings) {
      row.contains("expect") ? check_broken(folder, row, findings) : check_whole(folder, row, tensors, findings);
    });
  }
}

void check_resizing(const std::filesystem::path& folder, Report& report) {
  const ReferenceTensors tensors(folder / "resize.safetensors");
  for (const json& row : read_rows(folder / "resize.json")) {
    const std::string id = row.at("id");
    report.run(
        "resize/" + id,
        [&](Findings& findings) {
          const ImageCase run = image_case(id, row, tensors);
          const double distance = farthest(run.values, tensors.values(id));
          const std::string other = id + ".horizontal_first";
          const bool order =
              distance > row.at("tolerance") && tensors.has(other) && farthest(run.values, tensors.values(other)) == 0;
          findings.exact("size", run.shape == tensors.shape(id) ? 0 : 1);
          findings.measure(order ? "values; equal to those of the other order of passes" : "values", distance,
                           row.at("tolerance"));
        },
        id);
  }
}

void check_crop_regions(const std::filesystem::path& folder, Report& report) {
  const ReferenceTensors tensors(folder / "resize.safetensors");
  const Shape shape = tensors.shape("source_mask");
  const std::vector<double> values = tensors.values("source_mask");
  const Image mask{static_cast<int>(shape[1]), static_cast<int>(shape[0]), 1, {values.begin(), values.end()}};
  for (const json& row : read_rows(folder / "crop_regions.json")) {
    const int width = row.at("width"), height = row.at("height"), pad = row.at("pad");
    report.run(fmt::format("crop_regions/{}x{}.{}", width, height, pad), [&](Findings& findings) {
      const Box box = crop_region(mask, {width, height}, pad);
      findings.equal("region", std::vector<int>{box.left, box.top, box.right, box.bottom},
                     row.at("region").get<std::vector<int>>());
    });
  }
}

void check_depth_sizes(const std::filesystem::path& folder, Report& report) {
  for (const json& row : read_rows(folder / "midas_sizes.json")) {
    const int width = row.at("width"), height = row.at("height"), target = row.at("target");
    const std::string method = row.at("method");
    report.run(fmt::format("midas_sizes/{}x{}.{}.{}", width, height, method, target), [&](Findings& findings) {
      require(method == "minimal" || method == "upper_bound", ErrorKind::unsupported, "no method {}", method);
      const Size size =
          depth_size({width, height}, target, method == "minimal" ? DepthSizing::minimal : DepthSizing::upper_bound);
      findings.equal("size", std::vector<int>{size.width, size.height}, row.at("result").get<std::vector<int>>());
    });
  }
}

void compare_texts(const std::string& what, const std::string& got, const std::string& want, Findings& findings) {
  findings.equal(what, std::vector<char>(got.begin(), got.end()), std::vector<char>(want.begin(), want.end()));
}

void compare_graph(const json& want, const PictureText& text, Findings& findings) {
  std::optional<ComfyRun> run;
  for (const PngText& other : text.others)
    if (other.keyword == "prompt" && !run) run = read_comfy_graph(other.text);
  require(run.has_value(), ErrorKind::bad_file, "no graph was found");
  json got;
  if (run->seed) got["seed"] = *run->seed;
  if (run->steps) got["steps"] = *run->steps;
  if (run->guidance) got["cfg"] = *run->guidance;
  if (run->denoise) got["denoise"] = *run->denoise;
  if (run->width && run->height) got["size"] = {*run->width, *run->height};
  got["sampler"] = run->sampler;
  got["scheduler"] = run->scheduler;
  got["positive"] = run->positive;
  got["negative"] = run->negative;
  got["model"] = run->model;
  for (const auto& [key, value] : want.items())
    findings.exact("recovered " + key, got.contains(key) && got[key] == value ? 0 : 1);
}

void check_metadata(const std::filesystem::path& folder, Report& report) {
  for (const json& row : read_rows(folder / "metadata.json")) {
    const std::string path = row.at("path");
    report.run(path, [&](Findings& findings) {
      const std::filesystem::path file = folder / path;
      read_image(file);
      const PictureText text = read_picture_text(file);
      compare_texts("parameters", text.parameters, word(row, "parameters"), findings);
      json others = json::object();
      for (const PngText& other : text.others) others[other.keyword] = other.text;
      const json wanted = row.contains("chunks") ? row["chunks"] : json::object();
      findings.exact("chunks", others == wanted ? 0 : 1);
      if (row.contains("recovered")) compare_graph(row["recovered"], text, findings);
    });
  }
}

void check_parameters(const std::filesystem::path& folder, Report& report) {
  for (const json& row : read_rows(folder / "parameters.json")) {
    const std::string id = row.at("id");
    report.run(
        "parameters/" + id,
        [&](Findings& findings) {
          const Infotext text = parse_infotext(row.at("text").get<std::string>());
          compare_texts("prompt", text.prompt, row.at("prompt"), findings);
          compare_texts("negative", text.negative, row.at("negative"), findings);
          json settings = json::object();
          for (const auto& [key, value] : text.settings) settings[key] = value;
          findings.exact("settings", settings == row.at("settings") ? 0 : 1);
        },
        id);
  }
}

/// Fields of a row stand in the order in which they are to be written, which only another reader of JSON keeps.
void check_writing(const std::filesystem::path& folder, Report& report) {
  const MappedFile file(folder / "parameters_writing.json");
  const auto* start = reinterpret_cast<const char*>(file.bytes().data());
  const auto rows = nlohmann::ordered_json::parse(start, start + file.bytes().size(), nullptr, false);
  require(rows.is_array(), ErrorKind::bad_file, "parameters_writing.json: expected a list of rows");
  int64_t number = 0;
  for (const auto& row : rows)
    report.run(fmt::format("parameters_writing/{}", number++), [&](Findings& findings) {
      Infotext text{row.at("prompt"), row.at("negative"), {}};
      for (const auto& [key, value] : row.at("fields").items())
        text.settings.emplace_back(key, value.is_null()     ? ""
                                        : value.is_string() ? value.template get<std::string>()
                                                            : value.dump());
      compare_texts("text", write_infotext(text), row.at("text"), findings);
    });
}

}  // namespace

void check_images(const Request& request, Report& report) {
  struct File {
    const char* index;
    void (*check)(const std::filesystem::path&, Report&);
  };
  constexpr File kFiles[] = {{"decode.json", check_decoding},           {"resize.json", check_resizing},
                             {"crop_regions.json", check_crop_regions}, {"midas_sizes.json", check_depth_sizes},
                             {"metadata.json", check_metadata},         {"parameters.json", check_parameters},
                             {"parameters_writing.json", check_writing}};
  bool any = false;
  for (const File& file : kFiles) {
    if (!std::filesystem::exists(request.folder / file.index)) continue;
    any = true;
    file.check(request.folder, report);
  }
  require(any, ErrorKind::bad_file, "{}: none of the files of picture reference data is here", request.folder.string());
}

}  // namespace calotype::checker
