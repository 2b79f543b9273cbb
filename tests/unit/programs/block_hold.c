/* Holds an image open for writing until its standard input ends: for tests of locks. Without an
 * image it reports that it has nothing to test. */
#include <stdio.h>
#include <vemu/block.h>

int main(int argc, char **argv)
{
    struct vemu_block_options o = {.size = sizeof o, .writable = 1};
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    struct vemu_block *block;

    if (argc < 2) {
        puts("1..0 # SKIP it is a tool of tests/cli/img.sh");
        return 0;
    }
    ctx = vemu_block_context_new(NULL, &err);
    block = ctx ? vemu_block_open(ctx, argv[1], &o, &err) : NULL;
    if (!block) {
        fprintf(stderr, "%s\n", vemu_error_message(err));
        return 1;
    }
    while (getchar() != EOF)
        ;
    vemu_block_close(block, NULL);
    vemu_block_context_free(ctx);
    return 0;
}
