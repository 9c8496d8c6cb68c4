#pragma once

#include <filesystem>

#include "check/report.h"
#include "kernels/linear.h"

namespace calotype::checker {

/// What is checked: a folder of reference data, and with which products.
struct Request {
  std::filesystem::path folder;
  kernels::Precision precision = kernels::Precision::f32;
};

// One kind of reference data each: reports every case of the folder. Throws `bad_file` where the folder has no index
// that can be read; whatever is wrong with a single case is reported as its failure.
void check_networks(const Request& request, Report& report);
void check_samplers(const Request& request, Report& report);
void check_pipelines(const Request& request, Report& report);
void check_text(const Request& request, Report& report);
void check_files(const Request& request, Report& report);
void check_images(const Request& request, Report& report);
void check_training(const Request& request, Report& report);

}  // namespace calotype::checker
