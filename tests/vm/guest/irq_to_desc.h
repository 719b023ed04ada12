/* irq_to_desc() is not exported to modules; this is equivalent. */
#include <linux/irq.h>
#include <linux/irqdesc.h>
#define irq_to_desc(virq) irq_data_to_desc(irq_get_irq_data(virq))
