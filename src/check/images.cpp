#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "check/image_cases.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "io/mask.h"
#include "io/picture.h"

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

}  // namespace

void check_images(const Request& request, Report& report) {
  struct File {
    const char* index;
    void (*check)(const std::filesystem::path&, Report&);
  };
  constexpr File kFiles[] = {{"decode.json", check_decoding},
                             {"resize.json", check_resizing},
                             {"crop_regions.json", check_crop_regions},
                             {"midas_sizes.json", check_depth_sizes}};
  bool any = false;
  for (const File& file : kFiles) {
    if (!std::filesystem::exists(request.folder / file.index)) continue;
    any = true;
    file.check(request.folder, report);
  }
  require(any, ErrorKind::bad_file, "{}: none of the files of picture reference data is here", request.folder.string());
}

}  // namespace calotype::checker
