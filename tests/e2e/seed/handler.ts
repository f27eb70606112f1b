// Handles batches of order events: writes each order's status to the table and tells its customer.
import { DynamoDB } from '@aws-sdk/client-dynamodb'
import { SNS } from '@aws-sdk/client-sns'

interface OrderEvent {
  orderId: string
  customerId: string
  status: string
  amount: number
}

interface QueueBatch {
  Records: { messageId: string; body: string }[]
}

const dynamodb = new DynamoDB({ region: process.env.AWS_REGION })
const sns = new SNS({ region: process.env.AWS_REGION })

export async function handler(batch: QueueBatch): Promise<void> {
  for (const record of batch.Records) {
    try {
      const order: OrderEvent = JSON.parse(record.body)
      if (order.status === 'poison' && process.env.ACCEPT_POISON !== 'yes') {
        throw new Error(`cannot process order ${order.orderId}`)
      }
      await dynamodb.updateItem({
        TableName: process.env.ORDERS_TABLE,
        Key: { orderId: { S: order.orderId } },
        UpdateExpression: 'SET #status = :status',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':status': { S: order.status } },
      })
      await sns.publish({
        TopicArn: process.env.ORDER_NOTIFICATIONS_TOPIC,
        Message: JSON.stringify({
          orderId: order.orderId,
          status: order.status,
          message: `Order ${order.orderId} is now ${order.status}`,
        }),
      })
    } catch (error) {
      console.error('Error processing event:', error)
      throw error // the queue delivers it again
    }
  }
}
