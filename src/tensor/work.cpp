#include "tensor/work.h"

namespace calotype {
namespace {

thread_local CountingWork* counter = nullptr;

}  // namespace

CountingWork::CountingWork() : before_(counter) {
  counter = this;
}

CountingWork::~CountingWork() {
  counter = before_;
}

void count_work(double flop) {
  if (counter) counter->flop_ += flop;
}

}  // namespace calotype
