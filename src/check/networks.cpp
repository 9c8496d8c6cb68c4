#include <algorithm>

#include "base/error.h"
#include "check/configurations.h"
#include "check/network_case.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "models/dpt.h"
#include "models/taesd.h"
#include "models/unet.h"
#include "models/vae.h"
#include "ops/structure.h"
#include "tensor/allocator.h"
#include "tensor/history.h"

namespace calotype::checker {
namespace {

/// The files of a folder: the index's rows, or, where there is no index, what the files say of themselves.
std::vector<json> rows_of(const std::filesystem::path& folder) {
  const std::filesystem::path index = folder / "index.json";
  if (std::filesystem::exists(index)) return read_rows(index);
  std::vector<json> rows;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    json row = {{"file", entry.path().filename().string()}};
    const ReferenceTensors tensors(entry.path());
    if (tensors.metadata("case").is_null()) continue;  // a file of another kind
    for (const char* key : {"case", "network", "blocks"})
      if (const json value = tensors.metadata(key); !value.is_null()) row[key] = value;
    rows.push_back(std::move(row));
  }
  require(!rows.empty(), ErrorKind::bad_file, "{}: there is neither index.json nor a file of a network",
          folder.string());
  std::ranges::sort(rows, {}, [](const json& row) { return row["case"].get<std::string>(); });
  return rows;
}

void run(NetworkCase& network, Findings& findings) {
  const NoGrad inference;
  if (network.network() == "UNet")
    run_unet(network);
  else if (network.network() == "VAE")
    run_vae(network);
  else if (network.network() == "CLIP")
    run_clip(network, findings);
  else if (network.network() == "CLIP-L text")
    run_clip_l(network, findings);
  else if (network.network().starts_with("DPT"))
    run_depth(network);
  else if (network.network() == "TAESD")
    run_tiny_vae(network);
  else
    throw Skipped{"there is no network " + network.network() + " here"};
  network.finish();
}

}  // namespace

void run_unet(NetworkCase& network) {
  const UNetConfig config = unet_config(network.entry("config"));
  FormulaSource source(unet_keys(config), network.prefix());
  const UNet unet(Params(source, network.precision()), config);
  UNet::Inputs inputs{
      .x = network.input("sample"), .times = network.list("timesteps"), .context = network.input("context")};
  if (config.class_input == ClassInput::level) {
    const std::vector<double> levels = network.list("y");
    inputs.levels.assign(levels.begin(), levels.end());
  }
  if (config.class_input == ClassInput::vector) inputs.vector = network.input("y");
  network.compare("out", unet(inputs, network.tap()));
}

void run_vae(NetworkCase& network) {
  const json words = network.entry("config");
  const VaeConfig config = vae_config(words);
  FormulaSource source(vae_keys(config), network.prefix());
  const Vae vae(Params(source, network.precision()), config);
  const json run = words.value("run", json::array({"encode", "decode"}));
  for (const json& direction : run) {
    if (direction == "encode") {
      const Posterior posterior = vae.encode(network.input("image"), network.tap());
      network.compare("out.moments", concat_channels(posterior.mean, posterior.log_variance));
    } else if (direction == "decode") {
      network.compare("out.image", vae.decode(network.input("latent"), network.tap()));
    } else {
      throw Skipped{"an autoencoder cannot be asked to " + direction.dump()};
    }
  }
}

void run_depth(NetworkCase& network) {
  const DepthConfig config = depth_config(network.entry("config"));
  FormulaSource source(depth_keys(config), network.prefix());
  const DepthNet net(Params(source, network.precision()), config);
  network.compare("out", net(network.input("image"), network.tap()));
}

void run_tiny_vae(NetworkCase& network) {
  const TinyVaeConfig config = tiny_vae_config(network.entry("config"));
  FormulaSource down(tiny_encoder_keys(config), network.prefix() + "encoder.");
  const TinyEncoder encoder(Params(down), config);
  network.compare("out.latent", encoder(network.input("image"), network.tap()));
  FormulaSource up(tiny_decoder_keys(config), network.prefix() + "decoder.");
  const TinyDecoder decoder(Params(up), config);
  network.compare("out.image", decoder(network.input("latent"), network.tap()));
}

void check_networks(const Request& request, Report& report) {
  for (const json& row : rows_of(request.folder)) {
    const std::string file = word(row, "file"), name = word(row, "case", file);
    if (row.contains("blocks")) {
      check_blocks(request.folder / file, row, request, report);
      continue;
    }
    report.run(name, [&](Findings& findings) {
      NetworkCase network(request.folder / file, row, request, findings);
      run(network, findings);
    });
    trim_allocator();
  }
}

}  // namespace calotype::checker
