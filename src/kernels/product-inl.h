// The blocked product: rows of a left operand times panels of a right one, a finish for each tile while it is in L1.
// Included once per instruction set.
#if defined(CALOTYPE_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_PRODUCT_INL_H_
#undef CALOTYPE_KERNELS_PRODUCT_INL_H_
#else
#define CALOTYPE_KERNELS_PRODUCT_INL_H_
#endif

#include "base/parallel.h"
#include "kernels/panel-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
  return divide_up(a, b) * b;
}

/// Rows of the left operand that pass all panels of a task before the next ones come: a multiple of every tile.
inline constexpr int64_t kRowBlock = 96;

/// How a product is cut. All of it follows from the shape; a row's bits follow from `depth_block` alone.
struct ProductCut {
  static constexpr int64_t kDepth = 384;  // the largest depth_block

  int64_t depth_block;   // steps of K (in units) between two visits to the sums
  int64_t depth_blocks;  // at least one, so that an empty sum is written too
  int64_t panels;        // of a task
  int64_t column_tasks;
  int64_t rows;  // of a task
  int64_t row_tasks;

  ProductCut(int64_t row_count, int64_t depth, int64_t columns) {
    constexpr int64_t kColumns = 320, kTasks = 32, kSmallest = int64_t{3} << 20, kRows = 1024;
    depth_blocks = std::max<int64_t>(1, divide_up(depth, kDepth));
    depth_block = std::max<int64_t>(8, round_up(divide_up(depth, depth_blocks), 8));
    depth_blocks = std::max<int64_t>(1, divide_up(depth, depth_block));
    const int64_t all_panels = divide_up(columns, kPanel);
    // A single block of K needs no room for sums beside its panels.
    const int64_t most =
        depth_blocks > 1 ? kColumns : std::clamp(kColumns * kDepth / depth_block, kColumns, 3 * kColumns);
    column_tasks = divide_up(all_panels * kPanel, most);
    if (row_count <= kRows / 2)  // few rows: narrower tasks, but not so narrow that copying rows weighs
      column_tasks = std::max(column_tasks, std::min(divide_up(all_panels * kPanel, 64), int64_t{8}));
    panels = divide_up(all_panels, column_tasks);
    column_tasks = divide_up(all_panels, panels);
    const int64_t row_work = std::max<int64_t>(1, depth * panels * kPanel);  // multiply-adds of a row of a task
    const int64_t wanted = divide_up(row_count, std::max<int64_t>(1, kTasks / column_tasks));
    rows = std::clamp(round_up(std::max(wanted, divide_up(kSmallest, row_work)), kRowBlock), 2 * kRowBlock, kRows);
    row_tasks = divide_up(row_count, rows);
  }
};

/// sums[r][0..width) of rows [row, row + count), columns [column, column + width) of the panels, to be finished.
struct FinishedTile {
  int64_t row, count, column, width;
  const float* sums;  // at a stride of `width`
};

/// Asks for `floats` floats at `from` to be brought near: into the second level of the cache, or the first to be
/// written.
HWY_INLINE void touch_to_read(const float* from, int64_t floats) {
  for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(from + i, 0, 2);
}
HWY_INLINE void touch_to_write(const float* to, int64_t stride, int64_t rows, int64_t floats) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(to + r * stride + i, 1, 3);
}

/// rows x depth times depth x columns, with operands in units of Operands: depth, k and steps count units. `columns`
/// counts panel columns. The callers' parts:
///   source.rows(first, count, k, steps, buffer) -> Left    rows [first, first + count) for these steps of K; `buffer`
///     holds kRowBlock * (steps + 16) floats
///   source.touch(row, k, steps)                   a row will be read soon
///   fill(column, width, k, steps, panel, buffer)                    a panel; `buffer` holds kBlock * steps floats
///   touch(FinishedTile)                           a tile will be finished soon: its sums are not there yet
///   finish(FinishedTile)
template <class Operands, class Source, class Fill, class Touch, class Finish>
void blocked_product(int64_t rows, int64_t depth, int64_t columns, const Source& source, const Fill& fill,
                     const Touch& touch, const Finish& finish) {
  if (rows <= 0 || columns <= 0) return;
  const ProductCut cut(rows, depth, columns);
  const bool single = cut.depth_blocks == 1;
  parallel_for(cut.row_tasks * cut.column_tasks, [&](int64_t task) {
    const int64_t first_row = task % cut.row_tasks * cut.rows, row_count = std::min(cut.rows, rows - first_row);
    const int64_t first_column = task / cut.row_tasks * cut.panels * kPanel;
    const int64_t task_columns = std::min(cut.panels * kPanel, columns - first_column);
    const int64_t task_panels = divide_up(task_columns, kPanel);

    const int64_t panel_floats = kPanel * cut.depth_block;
    const int64_t sum_floats = single ? kPanel * kHalfTileRows : task_panels * row_count * kPanel;
    const int64_t left_floats = kRowBlock * (cut.depth_block + 16);
    const int64_t buffer_floats = kBlock * cut.depth_block;
    auto* scratch = static_cast<float*>(
        thread_scratch(4 * (task_panels * panel_floats + sum_floats + left_floats + buffer_floats)));
    float* const panels = scratch;
    float* const sums = panels + task_panels * panel_floats;
    float* const left_buffer = sums + sum_floats;
    float* const fill_buffer = left_buffer + left_floats;

    for (int64_t block = 0; block < cut.depth_blocks; ++block) {
      const int64_t k = block * cut.depth_block, steps = std::min(cut.depth_block, depth - k);
      const bool last = block + 1 == cut.depth_blocks;
      for (int64_t p = 0; p < task_panels; ++p) {
        const int64_t left_over = task_columns - p * kPanel, first_block = std::min(kRowBlock, row_count);
        for (int64_t r = p * first_block / task_panels; r < (p + 1) * first_block / task_panels; ++r)
          source.touch(first_row + r, k, steps);
        fill(first_column + p * kPanel, left_over <= kLanes ? kLanes : kPanel, k, steps, panels + p * panel_floats,
             fill_buffer);
      }
      for (int64_t r = 0; r < row_count; r += kRowBlock) {
        const int64_t height = std::min(kRowBlock, row_count - r);
        const Left left = source.rows(first_row + r, height, k, steps, left_buffer);
        const int64_t after = r + kRowBlock, next_rows = std::clamp<int64_t>(row_count - after, 0, kRowBlock);
        int64_t done = 0, touched = 0;  // of the rows of all panels, and of the next block's
        for (int64_t p = 0; p < task_panels; ++p) {
          const int vectors = task_columns - p * kPanel <= kLanes ? 1 : 2;
          const int64_t width = vectors * kLanes;
          for_tiles(height, tile_rows(vectors), [&](int64_t first, int count) {
            float* const to = single ? sums : sums + (p * row_count + r + first) * kPanel;
            const FinishedTile finished{first_row + r + first, count, first_column + p * kPanel, width, to};
            done += count;
            for (; touched < done * next_rows / (height * task_panels); ++touched)
              source.touch(first_row + after + touched, k, steps);
            if (last) touch(finished);
            Left part = left;
            part.data += first * left.row_stride;
            Operands::multiply_tile(count, vectors, part, panels + p * panel_floats, to, width, block > 0);
            if (last) finish(finished);
          });
        }
      }
    }
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
