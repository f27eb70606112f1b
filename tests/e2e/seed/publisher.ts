// Publishes one order event, and counts it as a custom metric. Arguments: bus name, detail type, detail as JSON. Prints the event's id.
import { CloudWatch } from '@aws-sdk/client-cloudwatch'
import { EventBridge } from '@aws-sdk/client-eventbridge'

class EventPublisher {
  private eventBridge = new EventBridge({ region: process.env.AWS_REGION })

  constructor(private eventBusName: string) {}

  async publishEvent<T extends object>(detailType: string, source: string, detail: T): Promise<string> {
    const result = await this.eventBridge.putEvents({
      Entries: [
        {
          EventBusName: this.eventBusName,
          Source: source,
          DetailType: detailType,
          Detail: JSON.stringify(detail),
          Time: new Date(),
        },
      ],
    })
    if (result.FailedEntryCount && result.FailedEntryCount > 0) {
      throw new Error(`Failed to publish event: ${result.Entries?.[0]?.ErrorMessage}`)
    }
    return result.Entries?.[0]?.EventId || ''
  }
}

class MetricsPublisher {
  private cloudWatch = new CloudWatch({ region: process.env.AWS_REGION })

  constructor(private namespace: string) {}

  async publishMetric(metricName: string, value: number, dimensions: Record<string, string>): Promise<void> {
    await this.cloudWatch.putMetricData({
      Namespace: this.namespace,
      MetricData: [
        {
          MetricName: metricName,
          Value: value,
          Unit: 'Count',
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          Timestamp: process.env.NOW ? new Date(process.env.NOW) : new Date(),
        },
      ],
    })
  }
}

const [bus, detailType, detail] = process.argv.slice(2)
const id = await new EventPublisher(bus).publishEvent(detailType, 'order-service', JSON.parse(detail))
await new MetricsPublisher('OrderService').publishMetric('OrdersPublished', 1, { DetailType: detailType })
console.log(id)
