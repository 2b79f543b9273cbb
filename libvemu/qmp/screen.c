/* Commands about what is shown. */
#include "libvemu/qmp/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vemu/guest.h>
#include <vemu/screen.h>

#include "core/util/error.h"
#include "libvemu/machine.h"

/* The file is there, whole, before the reply. */
static json_t *write_picture(const char *path, const struct vemu_picture *picture,
                             struct qmp_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR, "cannot make '%.100s': %s", path, strerror(errno));
    bool ok = qmp_write_all(fd, picture->data, picture->len);
    if (close(fd) != 0 || !ok)
        return qmp_fail(err, QMP_GENERIC_ERROR, "cannot write '%.100s': %s", path, strerror(errno));
    return json_object();
}

QMP_COMMAND(qmp_screendump)
{
    struct lib_machine *lm = opaque;
    const char *device = json_string_value(json_object_get(args, "device"));
    const char *format = json_string_value(json_object_get(args, "format"));
    json_int_t head = json_integer_value(json_object_get(args, "head"));
    struct vemu_picture picture = {0};
    struct vemu_error *error = NULL;
    json_t *result = NULL;

    if (head < 0 || head >= 64)
        return qmp_fail(err, QMP_GENERIC_ERROR, "there is no output %lld", (long long)head);
    if (vemu_screen_picture(&lm->m, device, (unsigned)head,
                            format && strcmp(format, "png") == 0 ? VEMU_PICTURE_PNG
                                                                 : VEMU_PICTURE_PPM,
                            &picture, &error))
        result = write_picture(json_string_value(json_object_get(args, "filename")), &picture, err);
    else
        qmp_fail(err, QMP_GENERIC_ERROR, "%s", vemu_error_message(error));
    vemu_error_free(error);
    vemu_picture_free(&picture);
    return result;
}

QMP_COMMAND(qmp_x_screen_text)
{
    struct lib_machine *lm = opaque;
    char *text = NULL;
    size_t len = 0, wanted;

    (void)args;
    while ((wanted = vemu_screen_text(&lm->m, text, len)) >= len && wanted) {
        char *more = realloc(text, wanted + 1);
        if (!more) {
            free(text);
            return qmp_fail(err, QMP_GENERIC_ERROR, "out of memory");
        }
        text = more;
        len = wanted + 1;
    }
    json_t *result = json_pack("{s:s}", "human-readable-text", wanted ? text : "");
    free(text);
    return result;
}
